"""How often what failed is tried again: a part of what is asked, so that retries
do not bury servers that are down. Pure; `now` is in seconds of any clock."""

from __future__ import annotations

SHARE = 0.2
"""Of the requests."""
RATE = 10.0
"""A second besides, so that those who ask seldom are tried again too."""
_KEPT = 100.0
"""At most so many that were not needed are there for later."""


class RetryBudget:
    """Of one model's servers. Source: Finagle's RetryBudget, for its shape."""

    def __init__(self, now: float, share: float = SHARE, rate: float = RATE) -> None:
        self._share = share
        self._rate = rate
        self._left = rate
        self._seen = now

    def asked(self, now: float) -> None:
        """A request was sent for the first time."""
        self._turn(now)
        self._left += self._share

    def take(self, now: float) -> bool:
        """Whether one more may be sent again."""
        self._turn(now)
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True

    def _turn(self, now: float) -> None:
        past = max(0.0, now - self._seen)
        self._seen += past
        self._left = min(_KEPT, self._left + self._rate * past)
