"""How many requests one server may have at once, learnt from how long they take.

Pure; `now` is in seconds of any clock. While answers take little longer than
those of a server at rest, the limit grows by its square root; where they take
longer than a tolerance allows, it shrinks in proportion. What rest is, is seen
whenever few are at work, and looked at once a minute where there never are.
Source: Envoy's adaptive concurrency filter, whose documentation gives the
arithmetic; and Netflix' concurrency-limits for growing only where it is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt

TOLERANCE = 2.0
"""Times as long as at rest that an answer may take before there are too many at
once: one waits for the batch before its own."""

LOOK = 60.0
"""Seconds for which what rest is, is believed."""

_RESTING = 20
"""Answers by which it is looked at."""
_SMOOTHING = 0.2
_UNKNOWN = 1.0
"""Seconds that are long for a server of which nothing is known."""


@dataclass(frozen=True, slots=True)
class Range:
    """least, most: requests at once; a server that batches is at rest with as
    many as make a batch. start: before anything is known."""

    least: int = 4
    most: int = 1024
    start: int = 32


class Limit:
    """seconds: how long an answer took, or how long it took for each unit of
    what was asked where requests are of different sizes."""

    def __init__(self, range: Range = Range(), tolerance: float = TOLERANCE) -> None:  # noqa: A002
        self._range = range
        self._tolerance = tolerance
        self._limit = float(min(max(range.start, range.least), range.most))
        self._rest = 0.0
        self._resting = _Mean(_RESTING)
        self._recent = _Mean(_RESTING / 2)
        self._looked = -inf
        self._looking = 0
        """Answers that are still wanted from rest."""

    @property
    def value(self) -> int:
        return self._range.least if self._looking else int(self._limit)

    def answered(self, seconds: float, inflight: int, now: float) -> None:
        """A request ended well. inflight: how many there were at the server
        when it was sent, with it."""
        recent = self._recent.add(seconds)
        if inflight <= self._range.least:
            self._rest = self._resting.add(seconds)
            self._looked = now
            self._looking = max(0, self._looking - 1)
        elif now - self._looked > LOOK and not self._looking:
            self._looking, self._looked = _RESTING, now
        if not self._rest or self._looking or inflight * 2 < self._limit:
            return  # more at once were not tried, so nothing is known of them
        gradient = self._tolerance * self._rest / max(recent, 1e-9)
        wanted = self._limit * max(0.5, min(1.0, gradient)) + sqrt(self._limit)
        self._set(self._limit * (1 - _SMOOTHING) + wanted * _SMOOTHING)

    def is_long(self, seconds: float) -> bool:
        """Whether a server that has not too many at once would have answered."""
        return seconds > (self._tolerance * self._rest or _UNKNOWN)

    def refused(self) -> None:
        """The server had no room, or did not answer for long."""
        self._set(self._limit * 0.9)

    def _set(self, limit: float) -> None:
        self._limit = max(float(self._range.least), min(limit, float(self._range.most)))


class _Mean:
    """Of the last few; of the first few, each counts the same."""

    def __init__(self, over: float) -> None:
        self._over = over
        self._count = 0
        self._value = 0.0

    def add(self, value: float) -> float:
        self._count += 1
        self._value += (value - self._value) / min(self._count, self._over)
        return self._value
