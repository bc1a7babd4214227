"""The port to whatever runs Knative Services."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from catnap.services.choice import Share
from catnap.services.snapshot import Service
from catnap.services.traffic import Target


class Reply(Protocol):
    """A response whose body may still be arriving; header names are lower-case."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[bytes, bytes]: ...
    @property
    def body(self) -> AsyncIterable[bytes]: ...
    async def read(self) -> bytes: ...


class Route(msgspec.Struct, frozen=True):
    """Where a request should go.

    share: calls of different shares never meet in one process; empty for the
    whole tenant. session: calls of one go to one instance while it lives.
    revision: the one that is meant, where it is not the platform's to choose.
    nested: a call of this tree is at work already, maybe at the same service.
    """

    namespace: str
    service: str
    share: str = ""
    session: str = ""
    revision: str = ""
    nested: bool = False


class Delivery(msgspec.Struct, eq=False):
    """An answer whose body may still be arriving, and how it came about.

    timings: milliseconds by Server-Timing's names; start, import and init are
    there only if the request waited for an instance to start.
    """

    reply: Reply
    instance: str
    timings: dict[str, float]


@dataclass(frozen=True, slots=True)
class Status:
    """One service as it is now. revision: the one with the largest share."""

    namespace: str
    service: str
    revision: str
    instances: int
    shares: tuple[Share, ...] = ()


class Platform(Protocol):
    async def apply(self, service: Mapping[str, Any]) -> str:
        """Makes the cluster look so; gives the name of the newest revision.

        Takes a Knative Service object. An unchanged one changes nothing; one
        that says nothing of its traffic leaves that as it is, at first all to
        the newest. Raises InvalidRequest for one that cannot be run here, which changes
        nothing either.
        """
        ...

    async def route(self, namespace: str, service: str, targets: Iterable[Target]) -> None:
        """Sends new calls where the targets say; a session stays at its
        revision while that has a share. Raises NotFound, or InvalidRequest for
        a revision that there is not, which changes nothing."""
        ...

    def tagged(self, namespace: str, service: str, tag: str) -> str:
        """The revision that a tag leads to. Raises NotFound."""
        ...

    async def delete(self, namespace: str, service: str) -> None:
        """Removes a service; what is at work or waits is finished. Raises
        NotFound."""
        ...

    def deliver(
        self, route: Route, headers: Sequence[tuple[bytes, bytes]], body: bytes
    ) -> AbstractAsyncContextManager[Delivery]:
        """Sends a POST to an instance, waking the service if it sleeps.

        The place at the instance is held until the block ends; what is left
        of the answer then is given up. Cancelling it closes the connection,
        which cancels the skill. Raises NotFound, Unavailable where too many
        wait or none can be reached, DeadlineExceeded past one of the revision's
        timeouts, in the block too, or SkillCrashed; what the skill itself
        answers is a reply, whatever its status.
        """
        ...

    def status(self) -> list[Status]: ...

    def look(self, namespace: str, service: str) -> Service:
        """All that there is to see of a service. Raises NotFound."""
        ...

    def snapshot(self) -> list[Service]:
        """That of every service, by tenant and name."""
        ...

    async def close(self) -> None:
        """Ends every instance."""
        ...
