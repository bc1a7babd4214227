"""Whose request is next: by class, in a class fairly by tenant, in a tenant
fairly by skill. Pure: nothing here knows a clock.

In a class it is start-time fair queueing: each flow has a clock of its own that
advances by the cost of what it was given, and the one that is behind is next.
So a flood waits behind itself, and who asks seldom is next in line. Source:
Goyal, Vin and Cheng, Start-time Fair Queueing (1996).
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

YIELDS = 16
"""After so many turns in a row that a class takes while less urgent ones wait, the
next is these', the more urgent of them first: each is slow, and comes to its end."""


@dataclass(eq=False, slots=True)
class Ticket:
    """One that waits, or waited. priority: the greater, the more urgent. cost:
    what it is expected to take, in any unit, above 0. weight: the tenant's part
    of what there is, in relation to the others'."""

    tenant: str
    skill: str = ""
    cost: float = 1.0
    priority: int = 0
    weight: float = 1.0


class _Turns:
    """Flows take turns by the cost of what each was given before."""

    def __init__(self) -> None:
        self._clock = 0.0
        self._ends: dict[str, float] = {}
        """Where a flow's clock stands that is ahead of ours."""
        self._starts: dict[str, tuple[float, int]] = {}
        """Those that wait, and when, by our clock, it is their turn."""
        self._heap: list[tuple[float, int, str]] = []
        self._order = count()

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[str]:
        return iter(self._starts)

    def __contains__(self, flow: str) -> bool:
        """Whether it waits, or has had more than its part so far."""
        return flow in self._starts or self._ends.get(flow, 0.0) > self._clock

    def enter(self, flow: str) -> None:
        """It has something that waits."""
        if flow not in self._starts:
            self._start(flow)

    def leave(self, flow: str) -> None:
        """It has nothing any more."""
        self._starts.pop(flow, None)  # the heap finds out when it comes to it
        if not self._starts:
            # There is room for all: nobody has had more than a part of it.
            self._ends.clear()
        if len(self._heap) > 2 * len(self._starts) + 64:
            self._heap = [(*start, name) for name, start in self._starts.items()]
            heapq.heapify(self._heap)

    def next(self) -> str:
        """Whose turn it is. There has to be one that waits."""
        while True:
            start, order, flow = self._heap[0]
            if self._starts.get(flow) == (start, order):
                return flow
            heapq.heappop(self._heap)

    def charge(self, flow: str, cost: float) -> None:
        """It was given so much, at its turn."""
        start = self._starts.pop(flow)[0]
        self._clock = start
        self._ends[flow] = start + cost
        if len(self._ends) > 2 * len(self._starts) + 64:
            self._ends = {name: end for name, end in self._ends.items() if end > start}
        self._start(flow)

    def correct(self, flow: str, more: float) -> None:
        """What it was given turned out to cost so much more, or less, which
        matters while others wait."""
        if not self._starts:
            return
        end = self._ends.get(flow, self._clock) + more
        self._ends[flow] = end
        if flow in self._starts:
            self._start(flow)

    def _start(self, flow: str) -> None:
        start = max(self._clock, self._ends.get(flow, 0.0)), next(self._order)
        self._starts[flow] = start
        heapq.heappush(self._heap, (*start, flow))


@dataclass(eq=False, slots=True)
class _Tenant:
    turns: _Turns = field(default_factory=_Turns)
    skills: dict[str, OrderedDict[Ticket, None]] = field(default_factory=dict)
    cost: float = 0.0
    """Of all that waits."""
    waiting: int = 0


class _Class:
    def __init__(self) -> None:
        self.turns = _Turns()
        self.tenants: dict[str, _Tenant] = {}
        self.cost = 0.0
        self.waiting = 0
        self.urgent = 0
        """Turns in a row for which less urgent ones waited."""

    def push(self, ticket: Ticket) -> None:
        tenant = self.tenants.setdefault(ticket.tenant, _Tenant())
        tenant.skills.setdefault(ticket.skill, OrderedDict())[ticket] = None
        tenant.turns.enter(ticket.skill)
        self.turns.enter(ticket.tenant)
        self._count(tenant, ticket, 1)

    def pop(self) -> Ticket:
        name = self.turns.next()
        tenant = self.tenants[name]
        skill = tenant.turns.next()
        ticket = next(iter(tenant.skills[skill]))
        tenant.turns.charge(skill, ticket.cost)
        self.turns.charge(name, ticket.cost / ticket.weight)
        self.drop(ticket)
        if len(self.tenants) > 2 * len(self.turns) + 64:
            self.tenants = {name: each for name, each in self.tenants.items() if name in self.turns}
        return ticket

    def correct(self, ticket: Ticket, more: float) -> None:
        tenant = self.tenants.get(ticket.tenant)
        if tenant:  # else it is long even with the others
            self.turns.correct(ticket.tenant, more / ticket.weight)
            tenant.turns.correct(ticket.skill, more)

    def drop(self, ticket: Ticket) -> bool:
        tenant = self.tenants.get(ticket.tenant)
        waiting = tenant.skills.get(ticket.skill) if tenant else None
        if not tenant or not waiting or ticket not in waiting:
            return False
        del waiting[ticket]
        if not waiting:
            del tenant.skills[ticket.skill]
            tenant.turns.leave(ticket.skill)
        self._count(tenant, ticket, -1)
        if not tenant.skills:
            self.turns.leave(ticket.tenant)
            tenant.cost = 0.0
        return True

    def _count(self, tenant: _Tenant, ticket: Ticket, one: int) -> None:
        self.waiting += one
        self.cost = self.cost + one * ticket.cost if self.waiting else 0.0
        tenant.cost += one * ticket.cost
        tenant.waiting += one


class Queue:
    """What a model's servers have no room for yet. Each operation takes the
    time of the number of flows' logarithm, however many wait."""

    def __init__(self) -> None:
        self._classes: dict[int, _Class] = {}

    def __len__(self) -> int:
        return sum(each.waiting for each in self._classes.values())

    @property
    def cost(self) -> float:
        """Of all that waits."""
        return sum(each.cost for each in self._classes.values())

    def push(self, ticket: Ticket) -> None:
        self._classes.setdefault(ticket.priority, _Class()).push(ticket)

    def pop(self) -> Ticket | None:
        """Whoever is next, who waits no more; None where nobody does."""
        waiting = sorted(
            (name for name, each in self._classes.items() if each.waiting), reverse=True
        )
        if not waiting:
            return None
        for name in waiting[:-1]:
            there = self._classes[name]
            there.urgent += 1
            if there.urgent <= YIELDS:
                return there.pop()
            there.urgent = 0
        last = self._classes[waiting[-1]]
        last.urgent = 0
        return last.pop()

    def before(self, ticket: Ticket) -> bool:
        """Whether its tenant, or anybody more urgent, waits already."""
        for name, each in self._classes.items():
            if each.waiting and name > ticket.priority:
                return True
        there = self._classes.get(ticket.priority)
        own = there.tenants.get(ticket.tenant) if there else None
        return own is not None and own.waiting > 0

    def yielding(self, ticket: Ticket) -> Ticket | None:
        """Who gives way to one that comes where no more may wait: the last one of
        the least urgent class's tenant that has the most waiting. None where the
        one that comes would be that itself."""
        least = min((name for name, each in self._classes.items() if each.waiting), default=None)
        if least is None or least > ticket.priority:
            return None
        tenants = self._classes[least].tenants
        longest = max(tenants, key=lambda name: tenants[name].waiting)
        if least == ticket.priority:
            own = tenants.get(ticket.tenant)
            if tenants[longest].waiting <= (own.waiting if own else 0) + 1:
                return None
        longest_of_it: OrderedDict[Ticket, None] = max(tenants[longest].skills.values(), key=len)
        return next(reversed(longest_of_it))

    def drop(self, ticket: Ticket) -> bool:
        """Who asked has left; whether it was still waiting."""
        there = self._classes.get(ticket.priority)
        return there is not None and there.drop(ticket)

    def correct(self, ticket: Ticket, cost: float) -> None:
        """What a ticket that had its turn really took."""
        more, ticket.cost = cost - ticket.cost, cost
        there = self._classes.get(ticket.priority)
        if there:  # else nobody of its class ever waited
            there.correct(ticket, more)

    def ahead(self, ticket: Ticket) -> float:
        """The cost of what would be served before a ticket that came now: all
        that is more urgent, and of each other tenant as much as of its own."""
        total = sum(each.cost for name, each in self._classes.items() if name > ticket.priority)
        there = self._classes.get(ticket.priority)
        if there is None:
            return total
        own = there.tenants.get(ticket.tenant)
        mine = own.cost if own else 0.0
        share = mine + ticket.cost
        others = (there.tenants[name] for name in there.turns if name != ticket.tenant)
        return total + mine + sum(min(other.cost, share) for other in others)
