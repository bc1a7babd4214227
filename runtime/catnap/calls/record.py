"""A call as a task in the journal, once per idempotency key."""

from __future__ import annotations

import hashlib

from catnap.access.decision import in_order
from catnap.calls.call import Call
from catnap.tasks import Acceptance, Task

GATHER = 0.25
"""Seconds that the first task of a lane waits for others to join it."""


def task_of(call: Call, now: float, *, waited: bool, lane: str = "") -> Task:
    """What the journal keeps. Of a call that somebody waits for the payload
    is not kept: nobody would send it again."""
    event = call.event
    if call.traceparent:
        event = event.extended(traceparent=call.traceparent)
    return Task(
        id=call.id,
        tenant=call.tenant,
        user=call.user,
        roles=in_order(call.principal.roles),
        session=call.session,
        skill=call.skill,
        parent=call.parent,
        trigger=call.trigger,
        state="running" if waited else "queued",
        attempts=1 if waited else 0,
        created=now,
        updated=now,
        due=now + GATHER if lane else now,
        deadline=call.deadline,
        priority=call.priority,
        lane=lane,
        depth=call.depth,
        waited=waited,
        event=None if waited else event,
    )


def acceptance(call: Call, task: Task) -> Acceptance:
    """A task under its idempotency key, with a digest of what was asked."""
    if not call.key:
        return Acceptance(task)
    asked = hashlib.sha256(f"{call.event.datacontenttype}\0".encode() + (call.event.data or b""))
    return Acceptance(task, idempotency_key(call), asked.hexdigest())


def idempotency_key(call: Call) -> str:
    """One for each: no part holds a control character. Text with a NUL, no
    Postgres takes."""
    return "\n".join(("call", call.tenant, call.user, call.skill, call.key))
