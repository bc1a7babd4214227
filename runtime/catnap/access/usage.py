"""What was used on one day."""

from __future__ import annotations

from catnap.access.limits import Who

DAY = 86_400.0


def day_of(now: float) -> int:
    """Days in UTC since the epoch, which knows no leap seconds."""
    return int(now // DAY)


class Used:
    """calls: that were let in. tokens: of models. compute_ms: milliseconds that
    skills were at work. bytes: of files written. cost: of models, by their
    prices."""

    __slots__ = ("bytes", "calls", "compute_ms", "cost", "tokens")

    def __init__(
        self,
        calls: int = 0,
        tokens: int = 0,
        compute_ms: float = 0.0,
        bytes: int = 0,  # noqa: A002
        cost: float = 0.0,
    ) -> None:
        self.calls, self.tokens, self.compute_ms, self.bytes = calls, tokens, compute_ms, bytes
        self.cost = cost

    def add(self, more: Used) -> None:
        self.calls += more.calls
        self.tokens += more.tokens
        self.compute_ms += more.compute_ms
        self.bytes += more.bytes
        self.cost += more.cost

    def copy(self) -> Used:
        return Used(self.calls, self.tokens, self.compute_ms, self.bytes, self.cost)

    def since(self, before: Used) -> Used:
        """What was used after that."""
        return Used(
            self.calls - before.calls,
            self.tokens - before.tokens,
            self.compute_ms - before.compute_ms,
            self.bytes - before.bytes,
            self.cost - before.cost,
        )


class Tally:
    """Use of one day by one tenant, user and skill.

    used: through all gateways, as far as it is known here.
    """

    __slots__ = ("_others", "day", "noted", "used", "who")

    def __init__(self, day: int, who: Who) -> None:
        self.day, self.who = day, who
        self.used = Used()
        self._others: Used | None = None
        self.noted = False
        """Whether it is among those to be written."""

    def elsewhere(self, more: Used) -> None:
        """Of what was used, so much went through another gateway."""
        self._others = self._others or Used()
        self._others.add(more)

    def own(self) -> Used:
        """What went through this gateway."""
        return self.used.since(self._others) if self._others else self.used.copy()
