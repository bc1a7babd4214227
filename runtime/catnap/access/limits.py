"""Limits as data: whose calls are bounded, and by how much."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Literal, get_args

import msgspec

from catnap.errors import InvalidRequest
from catnap.events.ids import EACH, check_id

Measure = Literal[
    "rate",
    "concurrent",
    "daily_calls",
    "daily_tokens",
    "daily_compute_ms",
    "daily_bytes",
    "daily_cost",
]
MEASURES: tuple[Measure, ...] = get_args(Measure)

Who = tuple[str, str, str]
"""Tenant, user and skill of a call; no skill where a model is asked directly."""

MIN_RATE, MAX_RATE = 1e-5, 100_000.0
"""Calls per second: one a day or so, at least. At most, because a moment in
seconds since the epoch is no finer than a quarter of a microsecond, which has
to be little beside the time of one call."""

MOST = 2**53
"""Of all else: as far as every reader of JSON counts by ones."""


class Limit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What those it names may do together.

    tenant, user, skill: a name, `*` for each one by itself, or empty for all
    of them together. rate: calls per second, in the long run; burst: how many
    of them at once, by default those of one second. concurrent: calls at work
    at one time. The daily ones are per day in UTC: calls, tokens of models,
    milliseconds that skills were at work, bytes of files written, and what
    models cost by their prices. None: not limited here.

    A call has to be within every limit that it meets. Of limits that differ
    only in naming somebody or saying `*`, the one that names him holds.
    """

    tenant: str = ""
    user: str = ""
    skill: str = ""
    rate: float | None = None
    burst: int | None = None
    concurrent: int | None = None
    daily_calls: int | None = None
    daily_tokens: int | None = None
    daily_compute_ms: float | None = None
    daily_bytes: int | None = None
    daily_cost: float | None = None

    def __post_init__(self) -> None:
        for kind, name in (("tenant", self.tenant), ("user", self.user), ("skill", self.skill)):
            if name not in ("", EACH):
                check_id(kind, name)
        if not bounded(self):
            raise InvalidRequest(f"the limit of {whose(self.scope)} limits nothing: {_NAMES}")
        if self.rate is not None and not MIN_RATE <= self.rate <= MAX_RATE:
            raise self._wrong("rate", f"{MIN_RATE:.5f} to {MAX_RATE:,.0f} calls per second")
        if self.burst is not None and (self.rate is None or not 1 <= self.burst <= MOST):
            raise self._wrong("burst", f"1 to {MOST:,}, beside a rate")
        if self.concurrent is not None and not 1 <= self.concurrent <= MOST:
            raise self._wrong("concurrent", f"1 to {MOST:,}; daily_calls = 0 allows none")
        for measure in MEASURES[2:]:
            value = getattr(self, measure)
            if value is not None and not 0 <= value <= MOST:
                raise self._wrong(measure, f"0 to {MOST:,}")

    def _wrong(self, name: str, rule: str) -> InvalidRequest:
        value = getattr(self, name)
        text = f"{value:g}" if isinstance(value, float) else str(value)[:40]
        return InvalidRequest(
            f"the limit of {whose(self.scope)}: {name} is {text}: it has to be {rule}"
        )

    @property
    def scope(self) -> Who:
        return (self.tenant, self.user, self.skill)


_NAMES = f"give one of {', '.join(MEASURES)}"


def bounded(limit: Limit) -> list[Measure]:
    """What it limits."""
    return [measure for measure in MEASURES if getattr(limit, measure) is not None]


def distinct(limits: Iterable[Limit]) -> tuple[Limit, ...]:
    """Raises InvalidRequest for two of the same scope: they would be one limit."""
    found: dict[Who, Limit] = {}
    for limit in limits:
        if found.setdefault(limit.scope, limit) is not limit:
            raise InvalidRequest(f"there are two limits of {whose(limit.scope)}: make them one")
    return tuple(found.values())


def scoped(scope: Who, who: Who) -> Who | None:
    """For whom of the scope this call counts; None if it is none of its calls."""
    tenant, user, skill = scope
    if not (_is(tenant, who[0]) and _is(user, who[1]) and _is(skill, who[2])):
        return None
    return (tenant and who[0], user and who[1], skill and who[2])


def _is(said: str, name: str) -> bool:
    return said in ("", name) or (said == EACH and name != "")


Bounds = Mapping[str, Sequence[tuple[Limit, Sequence[Measure]]]]
"""Limits by the tenant that they say, each with what it bounds."""


def bounds(limits: Iterable[Limit]) -> Bounds:
    found: dict[str, list[tuple[Limit, Sequence[Measure]]]] = {}
    for limit in limits:
        found.setdefault(limit.tenant, []).append((limit, bounded(limit)))
    return found


def applying(bounds: Bounds, who: Who) -> list[tuple[Measure, Limit, Who]]:
    """What bounds this call, and for whom it counts there: the narrowest of
    each kind of scope, and all kinds."""
    found: dict[tuple[Measure, bool, bool, bool], tuple[Measure, Limit, Who]] = {}
    near = chain.from_iterable(bounds.get(tenant, ()) for tenant in ("", EACH, who[0]))
    for limit, measures in near:
        scope = scoped(limit.scope, who)
        if scope is None:
            continue
        for measure in measures:
            kind = (measure, bool(scope[0]), bool(scope[1]), bool(scope[2]))
            known = found.get(kind)
            if known is None or _named(limit) > _named(known[1]):
                found[kind] = (measure, limit, scope)
    return list(found.values())


def _named(limit: Limit) -> tuple[bool, ...]:
    return tuple(said != EACH for said in limit.scope)


def whose(scope: Who) -> str:
    """A scope in words: `user 'ann' of tenant 'acme'`."""
    said = zip(("skill", "user", "tenant"), reversed(scope), strict=True)
    words = [f"each {kind}" if name == EACH else f"{kind} {name!r}" for kind, name in said if name]
    return " of ".join(words) or "all calls together"
