"""What a gateway orders of a zygote, and what that and its instances say.

Orders and answers are JSON objects, one a packet of a SOCK_SEQPACKET pair; an
instance writes lines of them to its status pipe.
"""

from __future__ import annotations

import signal

import msgspec

PACKET = 256 * 1024
"""Bytes of the largest packet."""

DESCRIPTORS = 5
"""That come with one, at most."""


class Fork(msgspec.Struct, tag_field="op", tag="fork"):
    """Makes an instance. With it come four descriptors: listening socket,
    status pipe, stdout, stderr; and a fifth where it has secrets: their file."""

    id: str
    folder: str
    env: dict[str, str] = {}
    limits: dict[str, str] = {}
    """For the instance's cgroup, where it has one: what to write, by file."""
    scratch: str = ""
    """The one folder that it may write to; without one it is not confined."""
    memory: int = 0
    """Bytes that the gateway watches over; 0 where nobody needs to."""


class Kill(msgspec.Struct, tag_field="op", tag="kill"):
    """Signals an instance; with SIGKILL all of its process group."""

    id: str
    signal: int = signal.SIGTERM


Order = Fork | Kill


class Ready(msgspec.Struct, tag_field="op", tag="ready", omit_defaults=True):
    """Said once, when the zygote's imports are done; or with the error why they
    are not, and then it ends."""

    error: str = ""


class Forked(msgspec.Struct, tag_field="op", tag="forked"):
    """pid: 0 where the system has no process for it."""

    id: str
    pid: int


class Exited(msgspec.Struct, tag_field="op", tag="exited"):
    """status: of its exit, or minus the signal. outgrew: the kernel ended it
    for its memory."""

    id: str
    status: int
    outgrew: bool = False


Answer = Ready | Forked | Exited


class State(msgspec.Struct, omit_defaults=True):
    """A line of an instance's status pipe."""

    ready: bool = False
    import_ms: float = 0.0
    init_ms: float = 0.0
    error: str = ""
    """Why it never will be; then it ends."""
    draining: bool = False
    """It was told to end, and still takes calls meanwhile."""
    drained: bool = False
    """It ends, and has begun nothing that it did not answer."""
