"""How many requests one server may have at once, learnt from how long they take.

Pure; `now` is in seconds of any clock. While answers take less longer than those
of a server at rest than a tolerance allows, the limit grows, by its square root
at most; where they take longer, it shrinks in proportion. It changes once in the
time of an answer: what was asked before says nothing of what it is now. What rest
is, is seen whenever few are at work, first of all, and looked at once a minute
where there never are and requests are short enough to wait for.
Source: Envoy's adaptive concurrency filter, whose documentation gives the
arithmetic; and Netflix' concurrency-limits for growing only where it is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt

TOLERANCE = 2.1
"""Times as long as at rest that an answer may take before there are too many at
once: one waits for the batch before its own, and a little more are wanted than
wait so, lest the next batch is not full."""

LOOK = 60.0
"""Seconds for which what rest is, is believed."""

_RESTING = 20
"""Answers by which it is looked at."""
_SHARE = 0.05
"""Of the time, that looking may take."""
_SEEN = 10
"""Answers by which it is judged how a limit does."""
_KEPT = 8
"""Of so many places one more is kept."""
_UNKNOWN = 1.0
"""Seconds that are long for a server of which nothing is known."""


@dataclass(frozen=True, slots=True)
class Range:
    """least, most: requests at once; a server that batches is at rest with as
    many as make a batch. start: once it is known how it is at rest."""

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
        self._changed = -inf
        self._since = _Mean(inf)
        """Of what was asked since then."""
        self._looked = -inf
        self._looking = 0
        """Answers that are still wanted from rest."""

    @property
    def value(self) -> int:
        return self._range.least if self._looking or not self._known else int(self._limit)

    @property
    def with_kept(self) -> int:
        """With the places that are kept for those who have none."""
        value = self.value
        return min(value + max(1, value // _KEPT), self._range.most)

    @property
    def _known(self) -> bool:
        return self._resting.count >= self._range.least

    def answered(
        self, seconds: float, inflight: int, now: float, lasted: float | None = None
    ) -> None:
        """A request ended well. inflight: how many there were at the server
        when it was sent, with it. lasted: seconds that it was one of them, where
        these were more."""
        lasted = seconds if lasted is None else lasted
        if inflight <= self._range.least:
            self._rest = self._resting.add(seconds)
            self._looked = now
            self._looking = max(0, self._looking - 1)
        elif now - self._looked > LOOK and not self._looking and self._is_short(lasted):
            self._looking, self._looked = _RESTING, now
        if not self._known or self._looking or inflight * 2 < self._limit:
            return  # more at once were not tried, so nothing is known of them
        if now - lasted >= self._changed:
            self._since.add(seconds)
        if self._since.count < min(_SEEN, self._limit / 2):
            return
        gradient = self._tolerance * self._rest / max(self._since.value, 1e-9)
        more = sqrt(self._limit) * max(0.0, min(1.0, gradient - 1))
        self._set(self._limit * max(0.5, min(1.0, gradient)) + more)
        self._since, self._changed = _Mean(inf), now

    def _is_short(self, lasted: float) -> bool:
        """First those at work have to end, and then so many answers come from rest."""
        return lasted * (1 + _RESTING / self._range.least) < _SHARE * LOOK

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
        self.count = 0
        self.value = 0.0

    def add(self, value: float) -> float:
        self.count += 1
        self.value += (value - self.value) / min(self.count, self._over)
        return self.value
