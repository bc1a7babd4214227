"""One request to an instance, as the kinds of functions get it."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from catnap.errors import InvalidRequest
from catnap.events import Event, decode
from catnap.events.decode import is_event
from catnap.events.timestamps import to_seconds
from catnap.host.stream import Stream
from catnap.http import Request
from catnap.skills import Context
from catnap.skills.duration import Duration

if TYPE_CHECKING:
    from catnap.host.workspaces import AtWork


class Call(msgspec.Struct, eq=False):
    """A request, and who it is for.

    arriving: the body is still to come, for the function to read it from the
    request. expires: in the loop's time. task: what runs it. late: its deadline has
    passed. interrupted: its task was told so, by a cancellation that is still
    to be taken back. sending: what it has is on its way to the client, and none
    of the function's code runs. visit: the session's folder, where the instance
    keeps that. whole: it was not broken off in the middle.
    """

    request: Request
    body: bytes
    event: Event
    context: Context
    expires: float
    task: asyncio.Task[Any]
    arriving: bool = False
    late: bool = False
    interrupted: bool = False
    sending: bool = False
    visit: AtWork | None = None
    whole: bool = False

    def interrupt(self) -> None:
        """Ends it where it waits, for its deadline has passed. Code that takes
        no notice is told again: all the same there is one cancellation to be
        taken back."""
        if self.interrupted:
            self.task.uncancel()
        self.late = self.interrupted = True
        self.task.cancel()


class Answer(msgspec.Struct):
    """What a function gave back, ready to be sent."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes | Stream
    idle: bytes = b""
    """Sent between two parts of a stream that are long in coming."""
    lines: bytes = b""
    """More headers, as a Response has them."""


class Function(Protocol):
    """What an instance was started for."""

    @property
    def kind(self) -> str:
        """`catnap`, `http` or `cloudevent`."""
        ...

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods it takes; none named: any."""
        ...

    @property
    def takes_stream(self) -> bool:
        """Whether it reads a body itself, while that arrives."""
        ...

    async def answer(self, call: Call) -> Answer: ...

    def overdue(self, now: float) -> bool:
        """Whether work of it that nothing can interrupt is past its deadline."""
        ...


def may_stream(request: Request) -> bool:
    """Whether the body is the payload and nothing else: of a structured event
    it is the envelope, which has to be there as a whole."""
    content_type = request.headers.get(b"content-type", b"").lower()
    return not content_type.startswith(b"application/cloudevents")


def read_event(request: Request, body: bytes, name: str) -> Event:
    """The event that came, or the one that a plain request stands for."""
    if is_event(request.headers):
        return decode(request.headers, body)
    return Event(
        id=os.urandom(16).hex(),
        source=f"/skills/{name}",
        type="catnap.skill.call",
        datacontenttype=request.text(b"content-type"),
        data=body or None,
    )


def read_timeout(request: Request, longest: float) -> float:
    """Seconds that the call may take from its head's arrival, as far as that
    says so: the shorter of `Catnap-Timeout` and the manifest's timeout."""
    timeout = request.text(b"catnap-timeout")
    if timeout is None:
        return longest
    try:
        return min(longest, Duration.parse(timeout))
    except ValueError as error:
        raise InvalidRequest(f"header 'catnap-timeout': {error}") from None


def read_deadline(request: Request, event: Event, now: float, longest: float) -> float:
    """Seconds since the epoch by which the answer is due: the earliest of
    the event's `deadline`, `Catnap-Timeout` and the manifest's timeout."""
    deadline = now + read_timeout(request, longest)
    stated = event.extensions.get("deadline")
    if stated is not None:
        try:
            deadline = min(deadline, to_seconds(stated))
        except ValueError:
            raise InvalidRequest(
                f"CloudEvent attribute 'deadline': {stated!r} is not an RFC 3339 timestamp"
            ) from None
    return deadline
