"""Knative's rules read a second time: from the whole history, without a state."""

from __future__ import annotations

import math
from collections.abc import Sequence

from catnap.scaling import Observation, Settings


def wants(settings: Settings, seen: Sequence[Observation]) -> list[int]:
    """How many instances after each of the observations."""
    undelayed = [_undelayed(settings, seen[: n + 1]) for n in range(len(seen))]
    buckets = [math.floor(each.now) // 2 for each in seen]
    found = []
    for n, want in enumerate(undelayed):
        oldest = buckets[n] - math.ceil(settings.scale_down_delay / 2)
        for bucket, earlier in zip(buckets[:n], undelayed[:n], strict=True):
            if bucket > oldest:
                want = max(want, earlier)
        want = max(want, settings.min_scale)
        found.append(min(want, settings.max_scale) if settings.max_scale else want)
    return found


def panics(settings: Settings, seen: Sequence[Observation]) -> bool:
    """Whether the last breach is no longer ago than a stable window."""
    now = seen[-1].now
    breaches = [each.now for each in seen if _breach(settings, each)]
    if seen[0].ready > 1:
        breaches.append(seen[0].now)
    return any(round(now - then, 6) <= settings.window for then in breaches)


def _undelayed(settings: Settings, seen: Sequence[Observation]) -> int:
    last = seen[-1]
    if not panics(settings, seen):
        return _need(settings, last.stable, last.ready)
    most, n = 0, len(seen)
    while n and panics(settings, seen[:n]):
        one = seen[n - 1]
        needs = [_need(settings, average, one.ready) for average in (one.stable, one.panic)]
        most = max(most, *needs)
        n -= 1
    return max(most, seen[0].ready) if n == 0 and seen[0].ready > 1 else most


def _need(settings: Settings, average: float, ready: int) -> int:
    ready = max(1, ready)
    raw = math.ceil(average / settings.target)
    most = math.ceil(settings.max_scale_up_rate * ready)
    least = math.floor(ready / settings.max_scale_down_rate) if settings.reachable else 0
    need = sorted((least, raw, most))[1]
    return max(need, settings.activation_scale) if raw > 0 else need


def _breach(settings: Settings, seen: Observation) -> bool:
    need = math.ceil(seen.panic / settings.target)
    return need / max(1, seen.ready) >= settings.panic_threshold
