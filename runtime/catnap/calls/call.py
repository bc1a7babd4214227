"""What is asked, and what came of it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from catnap.access import Principal
from catnap.events import Event

CALL_TYPE = "catnap.skill.call"
JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a skill, whatever it came by.

    id names the task. deadline is seconds since the epoch. depth counts the
    skills that called one another to get here. accept is the media type that
    a streaming answer should have. revision names the one that is meant; empty
    for whichever the traffic goes to.
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

    @property
    def tenant(self) -> str:
        return self.principal.tenant


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a skill answered. timings: milliseconds by Server-Timing's names."""

    task: str
    content_type: str
    data: bytes
    instance: str = ""
    timings: Mapping[str, float] = field(default_factory=dict)


def direct(task: str, skill: str, data: bytes, content_type: str) -> Event:
    """The event that stands for a call that came without one."""
    return Event(
        id=task,
        source=f"/skills/{skill}",
        type=CALL_TYPE,
        datacontenttype=content_type or JSON,
        data=data,
    )


def new_id() -> str:
    """A task id: 26 hex digits that sort by the time they were made."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(7)}"


def new_trace() -> str:
    """A W3C traceparent that begins a trace."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
