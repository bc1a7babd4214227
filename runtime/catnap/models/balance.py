"""Which of a model's servers is asked: the less busy of two random ones, or
where something was asked before that helps, the one that was asked it.

Pure. Busy is what we ourselves have at work there, by what it can have: what
servers say of themselves is old, and all who read it go the same way. Source:
Mitzenmacher, The Power of Two Choices in Randomized Load Balancing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Protocol, TypeVar

SPREAD = 1.25
"""A server that is asked for what it knows has at most so many times the
requests at work of the average one."""


class Server(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def inflight(self) -> int:
        """Our requests that are at work there."""

    @property
    def room(self) -> int:
        """Requests that it can have at once."""


Some = TypeVar("Some", bound=Server)


def choose(servers: Sequence[Some], chance: Callable[[], float], affinity: str = "") -> Some | None:
    """None where none has room for one more. chance: 0 <= n < 1. affinity: the
    same for requests that have something in common: a session, or the beginning
    of a prompt, which a server that generates still knows."""
    free = [each for each in servers if each.inflight < each.room]
    if not free:
        return None
    if len(free) == 1:
        return free[0]
    if affinity:
        return _known(servers, free, affinity)
    one = free[int(chance() * len(free))]
    other = free[int(chance() * len(free))]
    return one if _load(one) <= _load(other) else other


def _known(servers: Sequence[Some], free: Sequence[Some], affinity: str) -> Some:
    """The first preference that is not busier than others by more than SPREAD:
    a few more at work there are better than a prompt that is read again."""
    total = sum(each.inflight for each in servers) + 1
    rooms = sum(each.room for each in servers)
    within = [each for each in free if each.inflight < SPREAD * total * each.room / rooms]
    seed = blake2b(affinity.encode(), digest_size=8)

    def weight(server: Some) -> bytes:
        mixed = seed.copy()
        mixed.update(b"\0" + server.name.encode())
        return mixed.digest()

    return max(within or free, key=weight)


def _load(server: Server) -> float:
    return server.inflight / server.room
