"""The port to whoever keeps the folders of sessions while no instance has them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

from catnap.errors import DeadlineExceeded
from catnap.http import ConnectionLost
from catnap.services.platform import Delivery, Route

HEADER = b"catnap-workspace"
"""Of a request to an instance: the name of the session's folder, in the one
that CATNAP_WORKSPACES of the instance names."""

_BROKEN_OFF = (asyncio.CancelledError, ConnectionLost, DeadlineExceeded, GeneratorExit)


class Visit(Protocol):
    """A session's folder at an instance."""

    @property
    def name(self) -> str: ...


class Keeping(Protocol):
    def room(self, instance: str) -> Path:
        """A new folder for all that sessions have at that instance, which may
        write there. Raises Unavailable where the disk takes none."""
        ...

    async def enter(self, route: Route, instance: str) -> Visit | None:
        """Before each call of a session: its folder is at that instance, as its
        last call has left it. None where the instance has ended meanwhile.
        Raises Unavailable where the folder cannot be had."""
        ...

    def leave(self, visit: Visit, *, whole: bool) -> None:
        """After the call. whole: it was not broken off in the middle."""
        ...

    def closed(self, instance: str, *, whole: bool) -> None:
        """The instance has ended. whole: by itself, with nothing at work."""
        ...


@asynccontextmanager
async def at_home(
    keeping: Keeping, visit: Visit, sent: AbstractAsyncContextManager[Delivery]
) -> AsyncIterator[Delivery]:
    """A call that was sent, to its end with the session's folder."""
    whole = False
    try:
        async with sent as delivery:
            try:
                yield delivery
            except _BROKEN_OFF:
                raise
            except BaseException:
                whole = True  # the answer was such
                raise
            whole = True
    finally:
        keeping.leave(visit, whole=whole)
