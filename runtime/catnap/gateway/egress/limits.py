"""What a skill, and whoever else can reach the proxy, may do to it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    head_bytes: int = 32 * 1024
    """The request line and its headers. A Grant takes up to 16 KiB, and a
    third more in Basic credentials."""
    head: float = 10.0
    """From the connection to the end of its head."""
    strangers: int = 256
    """Connections of one address that have no tunnel yet."""
    task_tunnels: int = 64
    skill_tunnels: int = 512
    """Of one tenant's skill, over all its calls."""
    tunnels: int = 4096
    """Of the whole proxy."""
    resolve: float = 5.0
    connect: float = 10.0
    """Over all addresses of a host."""
    idle: float = 300.0
    """Without a byte either way. No call is longer than 600 s."""
    linger: float = 5.0
    """For a client to read a refusal while it still sends."""
    sweep: float = 1.0
    """How often these times are looked at, and whether a tunnel's call has ended."""


DEFAULT = Limits()
