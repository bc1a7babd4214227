"""What was used today: by each, and by those together whom a limit bounds."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import chain

from catnap.access.limits import Who
from catnap.access.usage import Tally, Used
from catnap.events.ids import EACH

MOST = 200_000
"""Of a tenant's users and their skills that are counted one by one. Who may act
for any user could invent more than there is memory for."""

Shape = tuple[bool, bool, bool]
"""Whether tenant, user and skill set those apart who are added up."""


def shape_of(scope: Who) -> Shape:
    tenant, user, skill = scope
    return (bool(tenant), bool(user), bool(skill))


class Today:
    """The tallies of one day, and sums of them.

    A sum is made when somebody asks for it first, of his own tenant where it is
    of one; from there on whoever counts adds to it, too.
    """

    def __init__(self, day: int) -> None:
        self.day = day
        self._tallies: dict[str, dict[Who, Tally]] = {}
        self._totals: dict[tuple[Shape, str], dict[Who, Used]] = {}

    def counted_as(self, who: Who) -> Who:
        """Himself, or where his tenant has too many already, all others together."""
        known = self._tallies.get(who[0], {})
        return who if len(known) < MOST or who in known else (who[0], EACH, who[2])

    def tally(self, who: Who) -> Tally:
        of_tenant = self._tallies.setdefault(who[0], {})
        found = of_tenant.get(who)
        if found is None:
            found = of_tenant[who] = Tally(self.day, who)
        return found

    def total(self, shape: Shape, who: Who) -> Used:
        """What `who` and all those used whom the shape does not set apart from him."""
        scope = _scope(shape, who)
        totals = self._totals.get((shape, scope[0]))
        if totals is None:
            totals = self._totals[shape, scope[0]] = _sums(shape, self.tallies(scope[0]))
        found = totals.get(scope)
        if found is None:
            found = totals[scope] = Used()
        return found

    def keep(self, shapes: Collection[Shape]) -> None:
        """From now on nobody counts for other sums than these."""
        self._totals = {key: sums for key, sums in self._totals.items() if key[0] in shapes}

    def tallies(self, tenant: str = "") -> list[Tally]:
        """A tenant's, or all."""
        some = [self._tallies.get(tenant, {})] if tenant else self._tallies.values()
        return list(chain.from_iterable(each.values() for each in some))


def _sums(shape: Shape, tallies: Iterable[Tally]) -> dict[Who, Used]:
    found: dict[Who, Used] = {}
    for tally in tallies:
        scope = _scope(shape, tally.who)
        known = found.get(scope)
        if known is None:
            found[scope] = tally.used.copy()
        else:
            known.add(tally.used)
    return found


def _scope(shape: Shape, who: Who) -> Who:
    tenant, user, skill = shape
    return (who[0] if tenant else "", who[1] if user else "", who[2] if skill else "")
