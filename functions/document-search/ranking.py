"""One order from two: what a question's words find, and what its vector finds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

K = 20
"""Damps the first ranks of reciprocal rank fusion. The usual 60 is for lists
read a thousand deep; here the first few are read."""
REPEAT = 0.8
"""What each further passage of a file is worth beside the one before it."""
ALIKE = 0.98
"""Cosine above which two passages say the same."""


class Passage(NamedTuple):
    """Where passage `id` is; offsets in characters of its file's text."""

    id: int
    file: str
    start: int
    end: int


def fuse(vectors: Sequence[int], words: Sequence[tuple[int, float]]) -> dict[int, float]:
    """Reciprocal rank fusion of two rankings: scores by id, 1 the most.

    words: with each id the share of the question's rare words that it holds, 0
    to 1. Its square is the weight of that voice: a passage that holds the one
    name that was asked for counts in full, one that shares a few common words
    with a long question hardly.
    """
    scores: dict[int, float] = {}
    for rank, each in enumerate(vectors, 1):
        scores[each] = 1 / (K + rank)
    for rank, (each, share) in enumerate(words, 1):
        scores[each] = scores.get(each, 0.0) + share**2 / (K + rank)
    most = 2 / (K + 1)
    return {each: score / most for each, score in scores.items()}


def choose(
    passages: Iterable[Passage],
    scores: dict[int, float],
    vectors: npt.NDArray[np.float32],
    top: int,
) -> list[Passage]:
    """The best passages, without those that overlap or repeat a better one,
    and with other files before more of the same.

    vectors: of length one, in the order of `passages`.
    """
    left = [(each, row) for row, each in enumerate(passages)]
    chosen: list[Passage] = []
    rows: list[int] = []
    while left and len(chosen) < top:
        of = [each.file for each in chosen]
        best = max(left, key=lambda item: scores[item[0].id] * REPEAT ** of.count(item[0].file))
        left.remove(best)
        passage, row = best
        if any(_overlap(passage, other) for other in chosen):
            continue
        if rows and float(np.max(vectors[rows] @ vectors[row])) > ALIKE:
            continue
        chosen.append(passage)
        rows.append(row)
    return chosen


def _overlap(one: Passage, other: Passage) -> bool:
    return one.file == other.file and one.start < other.end and other.start < one.end
