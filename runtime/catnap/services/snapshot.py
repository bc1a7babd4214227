"""What a platform runs at one moment, frozen: services, their revisions, and
the instances of each."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from catnap.services.traffic import Target


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """state: starting, ready, surplus (it ends when its calls have), suspect
    (it is checked whether it still answers) or draining. inflight: calls at
    work. sessions: that are at home there."""

    name: str
    state: str
    inflight: int = 0
    sessions: int = 0
    age: float | None = None
    """Seconds since it was asked for."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """How many instances the autoscaler wanted, and why; what it saw is of the
    last of so many `times` in a row."""

    want: int
    why: str
    panicking: bool = False
    excess_burst_capacity: int | None = None
    times: int = 1
    since: float = 0.0
    """Seconds ago when it was made first."""
    ago: float = 0.0
    """And when it was made last."""
    stable: float = 0.0
    """The average over the stable window: calls at once, or per second where
    that is the metric."""
    panic: float = 0.0
    """The same over the panic window."""
    ready: int = 0
    """Instances that took calls."""
    group: int = 0
    """Of callers who never meet those of another; most revisions have one."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why the last instance could not start. state: CrashLoopBackOff while the
    next start is put off, else Error. line: the last that it wrote. failures:
    in a row. retry_in: seconds until the next start."""

    state: str
    message: str
    line: str = ""
    failures: int = 1
    retry_in: float = 0.0


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What an instance may take, and how many there may be; 0 sets no bound.
    timeout, window: seconds. queue: calls that may wait. memory: bytes. cpu:
    cores."""

    concurrency: int
    timeout: float
    min_scale: int
    max_scale: int
    window: float
    queue: int
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
    instances: Sequence[Instance] = ()
    decisions: Sequence[Decision] = ()
    """The last ones, the newest first."""
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
