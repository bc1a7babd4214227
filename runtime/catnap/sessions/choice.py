"""Where a new session goes: by its hash at a revision of those that share the
traffic, and by rendezvous hashing with bounded load at an instance of it.

Pure, and the same in every process: a gateway that has forgotten its sessions,
or never knew them, finds most of them where they were. Source: Thaler and
Ravishankar, A Name-Based Mapping Scheme for Rendezvous; Mirrokni, Thorup and
Zadimoghaddam, Consistent Hashing with Bounded Loads.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from hashlib import blake2b

from catnap.sessions.table import Session

SPREAD = 1.25
"""An instance has at most so many times the sessions of the average one."""


def chance(session: str, service: str) -> float:
    """Where in the service's split a new session falls: 0 <= n < 1. Of two
    services that are split alike, one does not have the other's sessions."""
    mixed = blake2b(f"{service}\0{session}".encode(), digest_size=4)
    return int.from_bytes(mixed.digest(), "big") / (1 << 32)


def choose(
    session: Session,
    sessions: Mapping[str, int],
    free: Collection[str],
    *,
    most: int = 0,
    spread: float = SPREAD,
) -> str | None:
    """An instance's name; None where none of `free` may have one more session.
    It is the same whether the session's calls name the revision or not.

    sessions: how many each instance has, by name. free: those of them that
    have room for a call now. most: sessions at one instance, 0 for any number.
    spread: 1 or more.

    The session's first preference under the bound is chosen. Where only busy
    instances are under it, a place now is worth more than an even spread: then
    it is the one with the fewest sessions.
    """
    allowed = [name for name in free if not most or sessions[name] < most]
    if not allowed:
        return None
    limit = bound(sum(sessions.values()), len(sessions), spread)
    within = [name for name in allowed if sessions[name] < limit]
    if not within:
        fewest = min(sessions[name] for name in allowed)
        within = [name for name in allowed if sessions[name] == fewest]
    if len(within) == 1:
        return within[0]
    name = session if isinstance(session, str) else session[0]
    seed = blake2b(name.encode(), digest_size=8)

    def weight(name: str) -> tuple[bytes, str]:
        mixed = seed.copy()
        mixed.update(b"\0" + name.encode())
        return mixed.digest(), name

    return max(within, key=weight)


def bound(total: int, instances: int, spread: float = SPREAD) -> int:
    """Sessions that an instance may have once there is one more than `total`."""
    return math.ceil(spread * (total + 1) / instances)
