"""Events: to every trigger they match, once each, and kept before it is said."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from catnap.access import Principal, Resource, acting_for, require
from catnap.calls.admit import permit
from catnap.calls.call import Call
from catnap.calls.ids import new_id
from catnap.calls.pipeline import Pipeline
from catnap.calls.record import task_of
from catnap.errors import CatnapError, NotFound, PermissionDenied
from catnap.events import Event, matches
from catnap.services.catalog import Deployed
from catnap.skills.manifest import EventTrigger
from catnap.tasks import Acceptance

_IDENTITY = ("tenantid", "userid", "sessionid", "taskid", "parenttaskid")


@dataclass(frozen=True, slots=True)
class Accepted:
    """matched: triggers that the event matched and whose skills its sender
    may call; tasks: one for each of them."""

    matched: int
    tasks: list[str]


async def accept(
    pipeline: Pipeline,
    event: Event,
    principal: Principal,
    *,
    trigger: tuple[str, str] | None = None,
    depth: int = 0,
) -> Accepted:
    """Records a task per matching trigger, or for the one that is named.

    The event's userid and sessionid say for whom; the principal decides
    whether they may. An event wakes only what its sender may call: triggers
    of other skills do not match, and one that is named is PermissionDenied.
    Nothing is recorded if any of it is refused.
    """
    require(principal, "events.send", Resource(principal.tenant))
    wanted = _wanted(pipeline, event, principal, trigger, depth)
    [accepted] = await _record(pipeline, principal, [wanted])
    return accepted


async def accept_batch(
    pipeline: Pipeline, events: Sequence[Event], principal: Principal
) -> list[Accepted]:
    """Each event as if it had come alone, but all of them or none: nothing is
    recorded if any is refused, which the error names by its index."""
    require(principal, "events.send", Resource(principal.tenant))
    wanted = []
    for index, event in enumerate(events):
        try:
            wanted.append(_wanted(pipeline, event, principal, None, 0))
        except CatnapError as error:
            message = f"event {index} of the batch: {error.message}"
            raise type(error)(message, retry_after=error.retry_after) from None
    return await _record(pipeline, principal, wanted)


async def _record(
    pipeline: Pipeline, principal: Principal, wanted: Sequence[Sequence[Acceptance]]
) -> list[Accepted]:
    recorded = await pipeline.journal.accept([each for event in wanted for each in event])
    for task, new in recorded:
        pipeline.noted(principal, task, "accepted" if new else "repeated")
    tasks = iter([task.id for task, _ in recorded])
    accepted = [Accepted(len(event), [next(tasks) for _ in event]) for event in wanted]
    for each in accepted:
        pipeline.metrics.event(matched=bool(each.tasks))
    if recorded:
        pipeline.delivery.wake()
    return accepted


def _wanted(
    pipeline: Pipeline,
    event: Event,
    principal: Principal,
    trigger: tuple[str, str] | None,
    depth: int,
) -> list[Acceptance]:
    """A task for each trigger that the event wakes."""
    user, session = _for_whom(event, principal)
    triggers = (
        _named(pipeline, principal.tenant, *trigger)
        if trigger
        else _matching(pipeline, principal.tenant, event)
    )
    bare = event.extended(**dict.fromkeys(_IDENTITY), deadline=None)
    now = time.time()
    acceptances = []
    for deployed, each in triggers:
        skill = deployed.manifest.name
        place = f"{skill}/{each.name}"
        call = Call(
            id=new_id(),
            principal=principal,
            skill=skill,
            user=user,
            session=session,
            event=bare,
            trigger=each.name,
            depth=depth,
        )
        try:
            permit(call, deployed, now)
        except PermissionDenied:
            if trigger:
                raise
            continue
        lane = "\n".join((principal.tenant, place, user)) if each.coalesce == "user" else ""
        key = "\n".join(("event", principal.tenant, user, event.source, event.id, place))
        acceptances.append(Acceptance(task_of(call, now, waited=False, lane=lane), key))
    return acceptances


def _for_whom(event: Event, principal: Principal) -> tuple[str, str]:
    tenant = event.extensions.get("tenantid", principal.tenant)
    if tenant != principal.tenant:
        raise PermissionDenied(
            f"the event is for tenant {tenant!r}, the credential is {principal.tenant!r}'s"
        )
    user = acting_for(principal, event.extensions.get("userid", ""))
    return user, event.extensions.get("sessionid", "")


def _matching(pipeline: Pipeline, tenant: str, event: Event) -> list[tuple[Deployed, EventTrigger]]:
    return [
        (deployed, trigger)
        for deployed in pipeline.catalog.of(tenant)
        for trigger in deployed.manifest.triggers.events
        if event.type in trigger.types and matches(trigger.filters, event)
    ]


def _named(
    pipeline: Pipeline, tenant: str, skill: str, name: str
) -> list[tuple[Deployed, EventTrigger]]:
    """A Broker has matched the event already and says which trigger it is for."""
    deployed = pipeline.catalog.get(skill, tenant)
    for trigger in deployed.manifest.triggers.events:
        if trigger.name == name:
            return [(deployed, trigger)]
    raise NotFound(f"skill {skill!r} has no trigger {name!r}")
