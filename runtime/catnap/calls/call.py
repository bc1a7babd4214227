"""What is asked, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from catnap.access import Principal
from catnap.events import Event

CALL_TYPE = "catnap.skill.call"
JSON = "application/json"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a skill, whatever it came by.

    id names the task. deadline is seconds since the epoch. depth counts the
    skills that called one another to get here. accept is the media type that
    a streaming answer should have. revision names the one that is meant; empty
    for whichever the traffic goes to. attempt sets the deliveries of one task
    apart; empty where it is made once.
    """

    id: str
    principal: Principal
    skill: str
    user: str
    event: Event
    session: str = ""
    priority: int = 2
    key: str = ""
    deadline: float | None = None
    parent: str = ""
    trigger: str = ""
    depth: int = 0
    traceparent: str = ""
    accept: str = ""
    revision: str = ""
    attempt: str = ""

    @property
    def tenant(self) -> str:
        return self.principal.tenant


class Outcome(msgspec.Struct, frozen=True):
    """What a skill answered. timings: milliseconds by Server-Timing's names."""

    task: str
    content_type: str
    data: bytes
    instance: str = ""
    timings: Mapping[str, float] = {}


def direct(task: str, skill: str, data: bytes, content_type: str) -> Event:
    """The event that stands for a call that came without one."""
    return Event(
        id=task,
        source=f"/skills/{skill}",
        type=CALL_TYPE,
        datacontenttype=content_type or JSON,
        data=data,
    )
