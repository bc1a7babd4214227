"""What a platform runs at one moment, frozen: services, their revisions, and
the instances of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from catnap.services.traffic import Target


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """state: starting, ready, suspect (a check is under way whether it still
    answers) or draining. inflight: calls at work."""

    name: str
    state: str
    inflight: int = 0
    age: float | None = None
    """Seconds since it was asked for."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What the autoscaler wanted last, and why."""

    want: int
    panicking: bool = False
    excess_burst_capacity: float | None = None
    why: str = ""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why none can start. state: CrashLoopBackOff while another start waits.
    retry_in: seconds until then."""

    state: str
    message: str
    retry_in: float = 0.0


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What an instance may take, and how many there may be; 0 sets no bound.
    timeout, window: seconds. memory: bytes. cpu: cores."""

    concurrency: int
    timeout: float
    min_scale: int
    max_scale: int
    window: float
    cpu: float
    memory: int


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """percent: its share of the calls that name no tag. created: seconds since
    the epoch. served: it has had a share."""

    name: str
    latest: bool = False
    percent: int = 0
    tags: Sequence[str] = ()
    created: float | None = None
    served: bool = False
    waiting: int = 0
    """Calls that wait for a place."""
    sessions: int = 0
    instances: Sequence[Instance] = ()
    decisions: Mapping[str, Decision] = {}
    """By whom its callers share instances with; empty for the whole tenant."""
    failures: Sequence[Failure] = ()
    limits: Limits | None = None


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """revisions: the newest first."""

    tenant: str
    name: str
    traffic: Sequence[Target] = ()
    revisions: Sequence[Revision] = ()

    @property
    def latest(self) -> str:
        return next((each.name for each in self.revisions if each.latest), "")
