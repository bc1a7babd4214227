"""Vectors without a model, for tests of what is built on vectors."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Sequence


def word_vectors(texts: Sequence[str], dimensions: int = 64) -> list[list[float]]:
    """Every word is a fixed pseudo-random direction, a text the sum of its
    words: texts that share words are close. Of length 1, or 0 without words."""
    return [_vector(re.findall(r"\w+", text.lower()), dimensions) for text in texts]


def _vector(words: Iterable[str], dimensions: int) -> list[float]:
    total = [0.0] * dimensions
    for word in words:
        direction = hashlib.shake_128(word.encode()).digest(dimensions)
        total = [value + byte - 127.5 for value, byte in zip(total, direction, strict=True)]
    length = math.hypot(*total)
    return [value / length for value in total] if length else total
