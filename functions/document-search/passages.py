"""Cuts a text into passages: what is embedded, searched and shown.

A passage ends where a reader would pause: before a heading if it can, else
between paragraphs, sentences, lines, words. Where it has to end within a
paragraph, the next one begins a little before that, so that what was cut in
two is whole in one of them.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import NamedTuple

SIZE = 900
"""Characters of a passage at most: about 200 tokens, of the 256 that MiniLM reads."""
OVERLAP = 150
"""Characters that two neighbours share at most."""

HEADING, PARAGRAPH, SENTENCE, LINE, WORD = 4, 3, 2, 1, 0


class _Break(NamedTuple):
    """A passage may end at `end`, the next begin at `start`."""

    end: int
    start: int
    worth: int


# Of several reasons to cut at one place, the first that matches is the best.
_BREAKS = re.compile(
    r"(?P<HEADING>[^\S\n]*\n\s*\n(?=\#{1,6}[ ]|[^\n]+\n(?:={3,}|-{3,}|\*{3,}|~{3,})\s*?(?:\n|\Z)))"
    r"|(?P<PARAGRAPH>[^\S\n]*\n[^\S\n]*\n\s*)"
    r"|(?P<SENTENCE>(?<=[.!?\u2026])[\"')\]\u201d\u2019]*\s+|(?<=[\u3002\uff01\uff1f]))"
    r"|(?P<LINE>[^\S\n]*\n\s*)"
    r"|(?P<WORD>\s+)"
)


def passages(text: str, size: int = SIZE, overlap: int = OVERLAP) -> Iterator[tuple[int, int]]:
    """Character offsets of the passages, in order. None is blank or longer
    than `size`; all that is not white space is in one of them."""
    breaks = [
        _Break(found.start(), found.end(), globals()[found.lastgroup or "WORD"])
        for found in _BREAKS.finditer(text)
    ]
    start, stop = len(text) - len(text.lstrip()), len(text.rstrip())
    while stop - start > size:
        left = stop - start
        if left > size * 3 // 2:
            first, last = start + size // 2, start + size
        else:  # two of about the same length, rather than a long one and a scrap
            first, last = start + left // 3, start + min(size, left * 2 // 3)
        cut = _best(breaks, first, last)
        yield start, cut.end
        start = _next(breaks, cut, overlap)
    if start < stop:
        yield start, stop


def _best(breaks: list[_Break], first: int, last: int) -> _Break:
    """The last of the best places to end between two offsets."""
    low = bisect_left(breaks, first, key=lambda each: each.end)
    high = bisect_right(breaks, last, key=lambda each: each.end)
    found = max(breaks[low:high], key=lambda each: (each.worth, each.end), default=None)
    return found or _Break(last, last, WORD)


def _next(breaks: list[_Break], cut: _Break, overlap: int) -> int:
    """Where the passage after the cut begins."""
    if cut.worth >= PARAGRAPH:
        return cut.start
    low = bisect_left(breaks, cut.end - overlap, key=lambda each: each.start)
    high = bisect_left(breaks, cut.start, key=lambda each: each.start)
    return next((each.start for each in breaks[low:high] if each.worth >= cut.worth), cut.start)
