"""The instances of a simulated revision, and what they cost."""

from __future__ import annotations

from operator import attrgetter

from catnap.scaling.balance import Balance

_OPEN = attrgetter("open")
_FREE = attrgetter("free")


class Instance:
    __slots__ = (
        "alive", "free", "idle_since", "inflight", "open", "ready", "ready_at", "started", "surplus"
    )  # fmt: skip

    def __init__(self, started: float, ready_at: float) -> None:
        self.started = started
        self.ready_at = self.idle_since = ready_at
        self.inflight = 0
        self.alive = True
        self.ready = False
        self.surplus = False
        """It ends when its calls have; until then who finds no other may have it."""
        self.free = self.open = False
        """It has room; and it is to stay besides."""


class Instances:
    """Who is there, has room, is to stay and is paid. What a pool does with
    real ones, counted instead of looked through.

    limit: calls that one may have at once. Times are seconds of one clock.
    """

    def __init__(self, limit: float, balance: Balance) -> None:
        self.running = 0
        """Those that are to stay."""
        self.ready = 0
        """Of these, those that take calls."""
        self.seconds = 0.0
        self.idle_seconds = 0.0
        """Of `seconds`: ready, and without a call."""
        self._limit = limit
        self._balance = balance
        self._all: list[Instance] = []
        self._free = 0

    def __len__(self) -> int:
        return len(self._all)

    def start(self, now: float, cold_start: float) -> Instance:
        instance = Instance(now, now + cold_start)
        self._all.append(instance)
        self.running += 1
        return instance

    def came_up(self, instance: Instance) -> None:
        instance.ready = instance.free = instance.open = True
        self.ready += 1
        self._free += 1

    def open(self) -> Instance | None:
        """The one for a call that comes: rather one that is to stay."""
        if not self._free:
            return None
        return self._balance.choose(self._all, _OPEN) or self._balance.choose(self._all, _FREE)

    def free(self) -> Instance | None:
        """The one for a call that waits: it is to stay from now on."""
        instance = self._balance.choose(self._all, _FREE) if self._free else None
        if instance is not None and instance.surplus:
            self._keep(instance)
        return instance

    def begin(self, instance: Instance, now: float) -> None:
        """It is given a call."""
        if not instance.inflight:
            self.idle_seconds += now - instance.idle_since
        instance.inflight += 1
        if instance.inflight == self._limit:
            instance.free = instance.open = False
            self._free -= 1

    def done(self, instance: Instance, now: float) -> None:
        """It has answered a call."""
        if instance.inflight == self._limit:
            instance.free, instance.open = True, not instance.surplus
            self._free += 1
        instance.inflight -= 1
        if not instance.inflight:
            instance.idle_since = now

    def keep(self, count: int) -> int:
        """Takes back up to so many of those that were to go; says how many."""
        if count <= 0 or len(self._all) == self.running:
            return 0
        kept = [each for each in self._all if each.surplus][:count]
        for instance in kept:
            self._keep(instance)
        return len(kept)

    def part(self, now: float, count: int, waiting: bool) -> None:
        """Gives up so many: those that have nothing to do at once, others when
        their calls have ended. Whoever waits for one that starts shall have it."""
        if count <= 0:
            return
        staying = [each for each in self._all if not each.surplus]
        for instance in sorted(staying, key=attrgetter("inflight"))[:count]:
            if not instance.ready:
                if not waiting:
                    self.end(instance, now)
            elif not instance.inflight:
                self.end(instance, now)
            else:
                instance.surplus, instance.open = True, False
                self.running -= 1
                self.ready -= 1

    def end(self, instance: Instance, now: float) -> None:
        """It has no call, and is gone at once."""
        self._all.remove(instance)
        if not instance.surplus:
            self.running -= 1
            self.ready -= instance.ready
        self._free -= instance.free
        instance.alive = False
        self._pay(instance, now)

    def stay(self, until: float) -> None:
        """Nobody calls any more: whoever is there idles until then."""
        for instance in self._all:
            self._pay(instance, until)

    def _keep(self, instance: Instance) -> None:
        instance.surplus, instance.open = False, instance.free
        self.running += 1
        self.ready += 1

    def _pay(self, instance: Instance, until: float) -> None:
        self.seconds += until - instance.started
        self.idle_seconds += max(0.0, until - instance.idle_since)
