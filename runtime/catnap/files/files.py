"""Files as every surface serves them: inside their scope, with events."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from catnap.errors import Conflict, InvalidRequest, NotFound
from catnap.events import Event
from catnap.files import pages
from catnap.files.changes import Kind, to_event
from catnap.files.checks import with_digest
from catnap.files.media import content_type_of
from catnap.files.room import Hold, Room
from catnap.files.scopes import Scope, check_key, check_prefix
from catnap.files.spans import WHOLE, Span
from catnap.files.store import Condition, Content, ObjectStore, Stat, Written

Emit = Callable[[Event, Scope], Awaitable[None]]
T = TypeVar("T")


class Allowance(Protocol):
    """How much may be written."""

    def ask(self, scope: Scope) -> None:
        """Raises where nothing more may be. Before each write."""

    def wrote(self, scope: Scope, size: int) -> None:
        """Bytes that are written now."""


class Files:
    """Reads and writes inside a scope; keys are relative to it, both ways.

    After each put `emit` gets `catnap.file.created` or `.updated`, after each
    delete `.deleted`, and the call returns once it has accepted the event.
    Where `emit` raises, or this process ends before it, the change has been
    made without its event: the same put again makes up for it, as `.updated`,
    since a put of what is there already emits too. So a consumer may hear of
    one content twice, and tells by the etag. A delete cannot be repeated: its
    event may be missing. A caller that leaves once its content has arrived
    does not part a change from its event: both still happen.

    Whether the caller may is decided before (access).
    """

    def __init__(
        self,
        store: ObjectStore,
        emit: Emit,
        *,
        allowance: Allowance | None = None,
        room: Room | None = None,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._emit = emit
        self._allowance = allowance
        self._room = room
        self._new_id = new_id
        self._now = now
        self._finishing: set[asyncio.Task[Any]] = set()

    async def put(
        self,
        scope: Scope,
        key: str,
        body: AsyncIterable[bytes],
        *,
        content_type: str = "",
        digest: str = "",
        if_match: str = "",
        if_none_match: str = "",
    ) -> Written:
        """Writes a file. content_type: by the key's ending where empty. digest:
        what the content must be, as the `Content-Digest` of RFC 9530 says it.

        if_match takes an etag with or without quotes. Raises InvalidRequest,
        Conflict, and whatever `body` and `emit` raise.
        """
        key = check_key(key)
        self._ask(scope)
        content_type = content_type_of(key, content_type)
        condition = Condition(_etag(if_match), _etag(if_none_match))
        source = _Source(with_digest(body, digest) if digest else body)

        async def change() -> Written:
            async with self._taking(scope, key) as hold:
                metered = hold.metered(source, getattr(body, "length", None)) if hold else source
                with _said_inside(scope):
                    written = await self._store.put(
                        scope.prefix + key, metered, content_type=content_type, condition=condition
                    )
                if hold:
                    hold.size = written.stat.size
            return await self._wrote(scope, written)

        return await self._whole(change(), lambda: source.ended)

    async def copy(
        self,
        source: Scope,
        source_key: str,
        scope: Scope,
        key: str,
        *,
        version: str = "",
        if_match: str = "",
        if_none_match: str = "",
    ) -> Written:
        """Writes what another file holds, with its content type, without the
        content passing by here.

        version: the etag that the source must be at; the conditions are those
        of `put`. Raises InvalidRequest, NotFound and Conflict.
        """
        source_key, key = check_key(source_key), check_key(key)
        self._ask(scope)
        condition = Condition(_etag(if_match), _etag(if_none_match))

        async def change() -> Written:
            there = await self.stat(source, source_key)
            async with self._taking(scope, key) as hold:
                if hold:
                    await hold.for_(there.size)
                    hold.size = there.size
                try:
                    with _said_inside(scope), _said_inside(source):
                        written = await self._store.copy(
                            source.prefix + source_key,
                            scope.prefix + key,
                            version=_etag(version) or there.etag,
                            condition=condition,
                        )
                except NotFound:
                    raise _missing(source, source_key) from None
            return await self._wrote(scope, written)

        return await self._whole(change(), lambda: True)

    async def bring(self, scope: Scope, key: str, its_id: str, size: int) -> Written:
        """Ends the parts that were sent by links, once: as `put`, but for what
        is in the store already. its_id: as the store names them.

        Raises NotFound where nothing has come or it has its place, and
        InvalidRequest where not all has come.
        """
        key = check_key(key)
        self._ask(scope)

        async def change() -> Written:
            async with self._taking(scope, key, its_id) as hold:
                if hold:
                    await hold.for_(size)
                    hold.size = size
                try:
                    with _said_inside(scope):
                        written = await self._store.end_parts(scope.prefix + key, its_id, size)
                except NotFound:
                    raise NotFound(
                        f"there is no upload for {key!r}: send it first, with the link's `put`"
                    ) from None
            return await self._wrote(scope, written)

        return await self._whole(change(), lambda: True)

    async def move(
        self,
        source: Scope,
        source_key: str,
        scope: Scope,
        key: str,
        *,
        version: str = "",
        if_match: str = "",
        if_none_match: str = "",
    ) -> Written:
        """Copies a file and removes the source, if it is still what was copied.

        Raises as `copy`, and Conflict where the source was written meanwhile:
        then both are there. So they are after a crash between the two.
        """
        if scope.prefix + check_key(key) == source.prefix + check_key(source_key):
            raise InvalidRequest(f"file key {key[:80]!a}: it cannot be moved to where it is")
        version = _etag(version) or (await self.stat(source, source_key)).etag
        written = await self.copy(
            source,
            source_key,
            scope,
            key,
            version=version,
            if_match=if_match,
            if_none_match=if_none_match,
        )
        await self.delete(source, source_key, if_match=version)
        return written

    async def get(
        self, scope: Scope, key: str, span: Span = WHOLE, *, if_match: str = ""
    ) -> tuple[Stat, Content]:
        """A file, and its content or a span of it. Raises InvalidRequest,
        NotFound, RangeNotSatisfiable, and Conflict where it is not at version
        `if_match`."""
        key = check_key(key)
        try:
            with _said_inside(scope):
                stat, content = await self._store.get(
                    scope.prefix + key, span, if_match=_etag(if_match)
                )
        except NotFound:
            raise _missing(scope, key) from None
        return _inside(scope, stat), content

    async def stat(self, scope: Scope, key: str) -> Stat:
        """What is known of a file. Raises InvalidRequest and NotFound."""
        key = check_key(key)
        stat = await self._store.stat(scope.prefix + key)
        if stat is None:
            raise _missing(scope, key)
        return _inside(scope, stat)

    async def list(
        self, scope: Scope, prefix: str = "", *, page_size: int = 0, page_token: str = ""
    ) -> pages.Listing:
        """Files whose keys begin with `prefix`, by key.

        page_size: 1 to 10,000, more is cut to that; 0 means 1,000. Raises
        InvalidRequest.
        """
        size = pages.page_size(page_size)
        start = scope.prefix + check_prefix(prefix)
        after = scope.prefix + pages.last_key(page_token) if page_token else ""
        found = await self._store.list(start, after=after, limit=size + 1)
        files = [_inside(scope, stat) for stat in found[:size]]
        more = len(found) > size
        return pages.Listing(files, pages.token(files[-1].key) if more else "")

    async def delete(self, scope: Scope, key: str, *, if_match: str = "") -> None:
        """Removes a file. Raises InvalidRequest, NotFound and Conflict."""
        key = check_key(key)
        version = _etag(if_match)

        async def change() -> None:
            with _said_inside(scope):
                stat = await self._store.delete(scope.prefix + key, if_match=version)
            if stat is None:
                raise _missing(scope, key)
            if self._room is not None:
                await self._room.removed(scope, key)
            await self._tell("deleted", scope, _inside(scope, stat), self._now())

        await self._whole(change(), lambda: True)

    async def drop_parts(self, before: datetime) -> int:
        """Gives up on what somebody began to send before then; how many files."""
        return await self._store.drop_parts(before)

    async def settle(self) -> None:
        """Waits for the changes whose callers left."""
        await asyncio.gather(*self._finishing, return_exceptions=True)

    async def _whole(self, change: Coroutine[Any, Any, T], decided: Callable[[], bool]) -> T:
        """Runs a change to its end, whoever leaves, once it is decided."""
        task = asyncio.ensure_future(change)
        self._finishing.add(task)
        task.add_done_callback(self._finishing.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if not decided():
                task.cancel()
            raise

    def _ask(self, scope: Scope) -> None:
        if self._allowance is not None:
            self._allowance.ask(scope)

    def _taking(
        self, scope: Scope, key: str, its_id: str = ""
    ) -> AbstractAsyncContextManager[Hold | None]:
        return self._room.taking(scope, key, its_id) if self._room else nullcontext()

    async def _wrote(self, scope: Scope, written: Written) -> Written:
        written = replace(written, stat=_inside(scope, written.stat))
        if self._allowance is not None:
            self._allowance.wrote(scope, written.stat.size)
        kind: Kind = "created" if written.created else "updated"
        await self._tell(kind, scope, written.stat, written.stat.modified)
        return written

    async def _tell(self, kind: Kind, scope: Scope, stat: Stat, time: datetime) -> None:
        await self._emit(to_event(kind, scope, stat, time, self._new_id()), scope)


@dataclass(slots=True)
class _Source:
    """A body that knows whether all of it has been read."""

    body: AsyncIterable[bytes]
    ended: bool = field(default=False, init=False)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self.body:
            yield chunk
        self.ended = True


def _inside(scope: Scope, stat: Stat) -> Stat:
    return replace(stat, key=stat.key.removeprefix(scope.prefix))


@contextmanager
def _said_inside(scope: Scope) -> Iterator[None]:
    """Errors that name a key as the store has it, as the caller knows it."""
    try:
        yield
    except (Conflict, InvalidRequest) as error:
        error.message = error.message.replace(scope.prefix, "")
        error.args = (error.message,)
        raise


def _missing(scope: Scope, key: str) -> NotFound:
    whose = {
        "user": f"user {scope.user!r}",
        "session": f"session {scope.session!r}",
        "task": f"task {scope.task!r}",
    }[scope.kind]
    return NotFound(f"{whose} has no file {key!r}")


def _etag(given: str) -> str:
    """The plain token of an etag, which HTTP writes in quotes."""
    return given[1:-1] if len(given) >= 2 and given[0] == given[-1] == '"' else given
