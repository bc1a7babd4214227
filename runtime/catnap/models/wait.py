"""How long a request will wait that came now, so that one whose caller will not
wait as long is refused at once. Pure; `now` is in seconds of any clock."""

from __future__ import annotations

from math import exp

MEMORY = 5.0
"""Seconds over which it is seen how fast those who wait get their turn."""


class Turnover:
    """Of one queue: the cost that gets its turn each second, while some waits."""

    def __init__(self) -> None:
        self._cost = 0.0
        self._time = 0.0
        self._last: float | None = None
        """When the last one had its turn, or came first; None while nobody waits."""

    def waits(self, now: float) -> None:
        """Somebody waits."""
        if self._last is None:
            self._last = now

    def turned(self, cost: float, now: float) -> None:
        """One that waited has its turn."""
        past = max(0.0, now - (now if self._last is None else self._last))
        kept = exp(-past / MEMORY)
        self._cost = self._cost * kept + cost
        self._time = self._time * kept + past
        self._last = now

    def idle(self) -> None:
        """Nobody waits."""
        self._last = None

    def wait(self, ahead: float, now: float) -> float:
        """Seconds until what costs so much has had its turn; 0 while nothing is
        known. Servers that have stopped are seen: the longer nobody had a turn,
        the longer it is."""
        if not self._cost:
            return 0.0
        since = 0.0 if self._last is None else max(0.0, now - self._last)
        return ahead * (self._time + since) / self._cost
