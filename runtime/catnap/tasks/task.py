"""One invocation of a skill, as the journal keeps it."""

from __future__ import annotations

from typing import Literal

import msgspec

from catnap.errors import BY_NAME, CatnapError, SkillCrashed
from catnap.events import Event

State = Literal["queued", "running", "succeeded", "failed", "cancelled", "dead"]
ENDED: frozenset[State] = frozenset(("succeeded", "failed", "cancelled", "dead"))


class Failure(msgspec.Struct, frozen=True):
    """An error as it is kept: class name, message, whether a repeat may help."""

    name: str
    message: str
    retryable: bool

    @classmethod
    def of(cls, error: CatnapError) -> Failure:
        return cls(type(error).__name__, error.message, error.retryable)

    def error(self) -> CatnapError:
        return BY_NAME.get(self.name, SkillCrashed)(self.message)


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """Times are seconds since the epoch.

    waited: somebody waits on the line, so the task is not taken up again after
    a restart. lane: tasks of one lane run one at a time; a waiting one takes
    in those that follow. event is what the skill is sent. roles are the
    caller's, sorted: what the skill may call in turn.
    """

    id: str
    tenant: str
    user: str
    roles: tuple[str, ...] = ("caller",)
    session: str = ""
    skill: str
    parent: str = ""
    trigger: str = ""
    state: State = "queued"
    attempts: int = 0
    created: float
    updated: float
    due: float
    deadline: float | None = None
    priority: int = 2
    lane: str = ""
    depth: int = 0
    waited: bool = False
    event: Event | None = None
    content_type: str = ""
    result: bytes | None = None
    failure: Failure | None = None

    @property
    def ended(self) -> bool:
        return self.state in ENDED
