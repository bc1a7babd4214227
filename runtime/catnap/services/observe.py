"""A moment of a fleet, as a snapshot."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from catnap.services import snapshot, traffic
from catnap.services.backoff import CRASH_LOOP, Crash
from catnap.services.decisions import lately
from catnap.services.entry import Entry, Kept
from catnap.services.instance import Instance
from catnap.services.pool import Pool
from catnap.services.revision import Revision


def service(tenant: str, name: str, entry: Entry, pools: Iterable[Pool]) -> snapshot.Service:
    """entry: what is known of the service. pools: all that it has."""
    latest = entry.latest.name
    shares = {each.revision: each.percent for each in traffic.shares(entry.traffic, latest)}
    tags = traffic.tags(entry.traffic, latest)
    by_revision: dict[str, list[Pool]] = {}
    for pool in pools:
        by_revision.setdefault(pool.revision.name, []).append(pool)
    return snapshot.Service(
        tenant=tenant,
        name=name,
        traffic=entry.traffic,
        revisions=[
            _revision(
                kept,
                kept.name == latest,
                shares.get(kept.name, 0),
                sorted(tag for tag, to in tags.items() if to == kept.name),
                by_revision.get(kept.name, []),
            )
            for kept in reversed(entry.revisions)
        ],
    )


def _revision(
    kept: Kept, latest: bool, percent: int, tags: list[str], pools: list[Pool]
) -> snapshot.Revision:
    return snapshot.Revision(
        name=kept.name,
        latest=latest,
        percent=percent,
        tags=tags,
        created=kept.created,
        served=kept.served,
        waiting=sum(pool.waiting for pool in pools),
        instances=[_instance(each, pool) for pool in pools for each in pool.instances],
        decisions=lately(pools),
        failures=[_failure(*each) for each in _crashes(pools)],
        limits=_limits(kept.revision),
    )


def _instance(instance: Instance, pool: Pool) -> snapshot.Instance:
    if not instance.alive:
        state = "draining"
    elif not instance.ready:
        state = "starting"
    elif not instance.fit:
        state = "suspect"
    else:
        state = "surplus" if instance.surplus else "ready"
    return snapshot.Instance(
        name=instance.name,
        state=state,
        inflight=instance.inflight,
        sessions=pool.sessions.count(instance),
        age=round(asyncio.get_running_loop().time() - instance.born, 1),
    )


def _crashes(pools: list[Pool]) -> set[tuple[Crash, float]]:
    """With the seconds until the next start: one, where all pools share it."""
    return {(pool.crash, pool.retry_in) for pool in pools if pool.crash}


def _failure(crash: Crash, retry_in: float) -> snapshot.Failure:
    return snapshot.Failure(
        state=CRASH_LOOP if retry_in else "Error",
        message=crash.message,
        line=crash.line,
        failures=crash.failures,
        retry_in=round(retry_in, 1),
    )


def _limits(revision: Revision) -> snapshot.Limits:
    return snapshot.Limits(
        concurrency=revision.concurrency,
        timeout=revision.timeouts.whole,
        min_scale=revision.scale.min_scale,
        max_scale=revision.scale.max_scale,
        window=revision.scale.window,
        queue=revision.queue,
        cpu=revision.bounds.cpu,
        memory=revision.bounds.memory,
    )
