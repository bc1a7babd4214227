"""What the autoscalers of a revision decided last, as a snapshot shows it."""

from __future__ import annotations

from collections.abc import Sequence

from catnap.scaling.scaler import KEPT, Decided
from catnap.services.pool import Pool
from catnap.services.snapshot import Decision


def lately(pools: Sequence[Pool]) -> list[Decision]:
    """The newest first: each pool's last, and as many before it as there is
    room for where there are many pools."""
    most = max(1, KEPT // max(1, len(pools)))
    found = [
        _decision(each, pool.now, group)
        for group, pool in enumerate(pools)
        for each in [*pool.decisions][-most:]
    ]
    return sorted(found, key=lambda each: each.ago)


def _decision(decided: Decided, now: float, group: int) -> Decision:
    return Decision(
        want=decided.want,
        why=decided.why,
        panicking=decided.panicking,
        excess_burst_capacity=decided.excess_burst_capacity,
        times=decided.times,
        since=round(now - decided.first, 1),
        ago=round(now - decided.last, 1),
        stable=decided.stable,
        panic=decided.panic,
        ready=decided.ready,
        group=group,
    )
