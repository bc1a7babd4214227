"""How fast, and how many at a time: the gates that a call goes through."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

from catnap.access.limits import Limit, Measure, Who

SOONEST = 0.05
"""Seconds after which a place may be asked for again, at least."""

_WEIGHT = 0.1
"""Of the newest call, in the mean of how long a call takes."""


class Gate(ABC):
    """One measure of a limit, for those of one scope. Times are seconds since
    the epoch."""

    __slots__ = ("_promised", "limit", "measure", "scope")

    limit: Limit

    def __init__(self, measure: Measure, scope: Who, limit: Limit, gateways: int = 1) -> None:
        self.measure = measure
        self.scope = scope
        self._promised = 0.0
        self.change(limit, gateways)

    @abstractmethod
    def change(self, limit: Limit, gateways: int) -> None:
        """Holds from now on; what was taken before stays taken. gateways: that
        share it, each by itself."""

    @abstractmethod
    def frees(self, now: float) -> float:
        """When there is room again; 0 where there is room now."""

    @abstractmethod
    def take(self, now: float) -> None:
        """A call goes through. Only after `frees` gave 0 at the same `now`."""

    def slot(self, frees: float) -> float:
        """A moment of its own to try again, for one of the many that wait: so
        that each is looked at about once, however many there are."""
        self._promised = max(frees, self._promised + self._spacing())
        return self._promised

    def _spacing(self) -> float:
        """Seconds between two that can go through when many wait."""
        return 0.0

    @abstractmethod
    def used(self, now: float) -> float:
        """How much of the limit is taken."""

    @property
    @abstractmethod
    def most(self) -> float:
        """How much there is to take, here."""

    def idle(self, now: float) -> bool:
        """Whether a new gate would do just the same."""
        return True


class Rate(Gate):
    """A token bucket, held as the one moment at which it will be full.

    From there the bucket's whole content follows, so nothing is refilled.
    Source: the generic cell rate algorithm, ITU-T I.371, as virtual scheduling.
    """

    __slots__ = ("_burst", "_full", "_interval", "_tolerance")

    def __init__(self, measure: Measure, scope: Who, limit: Limit, gateways: int = 1) -> None:
        self._full = 0.0
        super().__init__(measure, scope, limit, gateways)

    def change(self, limit: Limit, gateways: int) -> None:
        assert limit.rate is not None
        self.limit = limit
        self._burst = max(1, burst(limit) // gateways)
        self._interval = gateways / limit.rate
        self._tolerance = (self._burst - 1) * self._interval

    def frees(self, now: float) -> float:
        opens = self._full - self._tolerance
        if opens <= now:
            return 0.0
        if opens - now > 2 * self._interval:
            # Nobody is ever more than one call ahead: the clock was set back,
            # or another rate held before.
            self._full = now + self._tolerance + self._interval
            opens = now + self._interval
        return opens

    def take(self, now: float) -> None:
        self._full = (self._full if self._full > now else now) + self._interval

    def _spacing(self) -> float:
        return self._interval

    def used(self, now: float) -> float:
        return max(0.0, self._full - now) / self._interval

    @property
    def most(self) -> float:
        return self._burst

    def idle(self, now: float) -> bool:
        return self._full <= now


class Places(Gate):
    """How many calls are at work at one time."""

    __slots__ = ("_mean", "_most", "held")

    def __init__(self, measure: Measure, scope: Who, limit: Limit, gateways: int = 1) -> None:
        self.held = 0
        self._mean = 0.0
        super().__init__(measure, scope, limit, gateways)

    def change(self, limit: Limit, gateways: int) -> None:
        assert limit.concurrent is not None
        self.limit = limit
        self._most = max(1, limit.concurrent // gateways)

    def frees(self, now: float) -> float:
        """Judged by how long calls took so far: nobody knows when one ends."""
        return 0.0 if self.held < self._most else now + self._spacing()

    def take(self, now: float) -> None:
        self.held += 1

    def leave(self, seconds: float) -> None:
        """A call that took a place has ended, `seconds` later."""
        self.held -= 1
        self._mean += (max(0.0, seconds) - self._mean) * _WEIGHT

    def _spacing(self) -> float:
        return max(SOONEST, self._mean / self._most)

    def used(self, now: float) -> float:
        return self.held

    @property
    def most(self) -> float:
        return self._most

    def idle(self, now: float) -> bool:
        return self.held == 0


def burst(limit: Limit) -> int:
    """Calls at once: by default those of one second."""
    return limit.burst or max(1, math.floor(limit.rate or 0.0))
