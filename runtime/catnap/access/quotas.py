"""How much a day."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter

from catnap.access.limits import MEASURES, Limit, Measure, Who
from catnap.access.rates import Gate
from catnap.access.usage import DAY, Used

_READ: Mapping[Measure, Callable[[Used], float]] = {
    measure: attrgetter(measure.removeprefix("daily_")) for measure in MEASURES[2:]
}


class Quota(Gate):
    """Open until what its scope used today reaches the limit; then closed until
    midnight in UTC.

    Calls are counted as they are let in. What a call spends is known once it
    has ended, so those at work then go past the limit together, and no more
    are let in.

    `total` is all that counts against it, through whichever gateway.
    """

    __slots__ = ("_most", "_read", "total")

    def __init__(self, measure: Measure, scope: Who, limit: Limit, total: Used) -> None:
        self.total = total
        self._read = _READ[measure]
        super().__init__(measure, scope, limit)

    def change(self, limit: Limit, gateways: int) -> None:
        """Not shared out: they tell each other what they let in."""
        self.limit = limit
        self._most: float = getattr(limit, self.measure)

    def frees(self, now: float) -> float:
        return 0.0 if self._read(self.total) < self._most else (now // DAY + 1) * DAY

    def take(self, now: float) -> None:
        """Whoever lets the call in adds it to the total, once for all quotas."""

    def used(self, now: float) -> float:
        return self._read(self.total)

    @property
    def most(self) -> float:
        return self._most
