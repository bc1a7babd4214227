"""How much of each limit is taken now."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable

import msgspec

from catnap.access.admission import bound, moment
from catnap.access.limits import Measure
from catnap.access.rates import Gate

MOST = 1000
"""In one answer: each of very many users may have some."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One measure of a limit for those whom it bounds together. tenant, user,
    skill: who they are, empty for all. used, limit: in calls, tokens,
    milliseconds, bytes or the currency of prices; of a rate, the calls of its
    burst. frees: where it is reached, when there is room again. text: the limit
    in words."""

    tenant: str
    user: str
    skill: str
    measure: Measure
    used: float
    limit: float
    frees: str = ""
    text: str = ""


def standing(
    gates: Iterable[Gate], now: float, *, tenant: str = "", user: str = "", skill: str = ""
) -> list[Standing]:
    """Of those that are named, where they are."""
    return [
        Standing(
            tenant=gate.scope[0],
            user=gate.scope[1],
            skill=gate.scope[2],
            measure=gate.measure,
            used=round(gate.used(now), 6),
            limit=gate.most,
            frees=moment(frees) if (frees := gate.frees(now)) else "",
            text=bound(gate.limit, gate.measure),
        )
        for gate in gates
        if all(
            not wanted or wanted == name
            for wanted, name in zip((tenant, user, skill), gate.scope, strict=True)
        )
    ]


def fullest(found: Iterable[Standing]) -> list[Standing]:
    """Those of which least is left, by whose they are."""
    most = heapq.nlargest(MOST, found, key=_taken)
    return sorted(most, key=lambda each: (each.tenant, each.user, each.skill, each.measure))


def _taken(each: Standing) -> float:
    return each.used / each.limit if each.limit else math.inf
