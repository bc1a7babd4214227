"""One index run per user at a time, wherever it runs.

The lease is a file in the user's scope that says who holds it until when.
Every write of it is conditional, so of two who try one gets it; who holds it
renews it, and one that was not renewed may be taken over.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import msgspec

from catnap import CatnapError, Conflict, NotFound
from catnap.skills.files import File, Files

KEY = ".catnap/document-search.lease"
SECONDS = 30.0
"""How long a run that died keeps the others out."""


class Held(Exception):
    """Somebody else has the lease."""


class _Note(msgspec.Struct):
    owner: str
    expires: float
    """Seconds since the epoch."""


@asynccontextmanager
async def lease(
    files: Files, owner: str, clock: Callable[[], float], seconds: float = SECONDS
) -> AsyncIterator[None]:
    """Holds the lease while the body runs. owner: new for every run.

    Raises Held at once if another has it. If it is lost later on, which takes
    `seconds` in which it could not be renewed, the body is cancelled and
    Conflict is raised. One that cannot be given back runs out by itself.
    """
    held = _Lease(files, owner, clock, seconds)
    await held.take()
    is_lost = False
    body = asyncio.current_task()

    async def keep() -> None:
        nonlocal is_lost
        try:
            await held.keep()
        except Exception:  # whatever ended the renewal: nothing holds the others out
            is_lost = True
            if body:
                body.cancel()

    keeping = asyncio.create_task(keep())
    try:
        yield
    except BaseException:
        if is_lost and body and body.uncancel() == 0:
            raise Conflict(
                "the lease of this index run was lost: it was taken over, or could not be renewed"
            ) from None
        raise
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        with suppress(CatnapError):
            await held.release()


@dataclass
class _Lease:
    files: Files
    owner: str
    clock: Callable[[], float]
    seconds: float
    _etag: str = ""
    _expires: float = 0.0
    """In the loop's time, which nobody sets."""

    async def take(self) -> None:
        """Raises Held."""
        try:
            try:
                file, data = await self.files.fetch(KEY)
            except NotFound:
                await self._write(if_none_match="*")
                return
            if _read(data).expires > self.clock():
                raise Held
            await self._write(if_match=file.etag)
        except Conflict:
            raise Held from None

    async def keep(self) -> None:
        """Renews for ever. Raises Conflict once another has the lease, and
        TimeoutError once it ran out."""
        pause = self.seconds / 3
        while True:
            async with asyncio.timeout_at(self._expires):
                await asyncio.sleep(pause)
                try:
                    await self._renew()
                    pause = self.seconds / 3
                except Conflict:
                    raise
                except CatnapError:
                    pause = self.seconds / 30

    async def release(self) -> None:
        try:
            await self.files.delete(KEY, if_match=self._etag)
        except Conflict:
            await self.files.delete(KEY, if_match=(await self._mine()).etag)

    async def _renew(self) -> None:
        try:
            await self._write(if_match=self._etag)
        except Conflict:
            await self._write(if_match=(await self._mine()).etag)

    async def _mine(self) -> File:
        """The lease as a write of ours left it whose answer never came.
        Raises Conflict where it is another's by now."""
        try:
            file, data = await self.files.fetch(KEY)
        except NotFound:
            raise Conflict("the lease is gone") from None
        if _read(data).owner != self.owner:
            raise Conflict("the lease is another's")
        return file

    async def _write(self, *, if_match: str = "", if_none_match: str = "") -> None:
        asked = asyncio.get_running_loop().time()
        data = msgspec.json.encode(_Note(self.owner, self.clock() + self.seconds))
        file = await self.files.write(KEY, data, if_match=if_match, if_none_match=if_none_match)
        self._etag, self._expires = file.etag, asked + self.seconds


def _read(data: bytes) -> _Note:
    """What is no note is a lease of nobody that ran out."""
    try:
        return msgspec.json.decode(data, type=_Note)
    except msgspec.DecodeError:
        return _Note("", 0.0)
