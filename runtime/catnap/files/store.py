"""The port: objects under keys, written whole, conditionally, in order of key."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from catnap.errors import Conflict, InvalidRequest
from catnap.files.spans import WHOLE, Span


@dataclass(frozen=True, slots=True)
class Stat:
    """What is known of one object.

    `size` is in bytes, `modified` in UTC. `etag` is a plain token without the
    quotes that HTTP puts around it; it changes whenever the content does.
    `content_type` is empty in a listing of a store that does not list it (S3).
    """

    key: str
    size: int
    etag: str
    content_type: str
    modified: datetime


@dataclass(frozen=True, slots=True)
class Condition:
    """What must hold at the moment of writing. Empty fields ask nothing.

    if_match: the etag that must still be there. if_none_match: only `*`, the
    key must not exist yet.
    """

    if_match: str = ""
    if_none_match: str = ""

    def __post_init__(self) -> None:
        if self.if_none_match not in ("", "*"):
            raise InvalidRequest(
                f"if_none_match {self.if_none_match!r}: only '*' is taken, which asks that the "
                "file does not exist yet; use if_match to name a version"
            )
        if self.if_match == "*":
            raise InvalidRequest("if_match '*': name the etag of the version to write over")
        if self.if_match and self.if_none_match:
            raise InvalidRequest("if_match and if_none_match exclude each other: send one of them")

    def check(self, key: str, etag: str | None) -> None:
        """Raises Conflict unless it holds for the etag now there (None: nothing)."""
        if self.if_none_match and etag is not None:
            raise Conflict(f"{key!r} already exists, as version {etag}; if_none_match is '*'")
        if self.if_match and etag != self.if_match:
            found = f"is at version {etag}" if etag else "does not exist"
            raise Conflict(f"{key!r} {found}, not at {self.if_match}: read it anew and try again")


ALWAYS = Condition()


class Content(Protocol):
    """An object's content, in parts. Who stops before its end closes it."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def __anext__(self) -> bytes: ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Written:
    """How a put ended. `created`: there was nothing before."""

    stat: Stat
    created: bool


@dataclass(frozen=True, slots=True)
class Parts:
    """An object that its sender brings in parts. id: names it to the store.
    urls: where to PUT each part, by number."""

    id: str
    urls: tuple[str, ...]


class ObjectStore(Protocol):
    """Objects under keys. Keys are checked by the caller (`scopes.check_key`)
    and are not interpreted: one key may be the beginning of another.

    Every method raises Unavailable where the store cannot be reached and
    ResourceExhausted where it is full.
    """

    async def put(
        self,
        key: str,
        body: AsyncIterable[bytes],
        *,
        content_type: str,
        condition: Condition = ALWAYS,
    ) -> Written:
        """Writes an object; it appears whole or not at all, and stays after a
        crash once this returns. Takes constant memory, whatever the size.

        Raises Conflict where the condition does not hold; of several writers
        on the same condition exactly one succeeds. Errors of `body` pass
        through, and nothing is written then.
        """
        ...

    async def get(
        self, key: str, span: Span = WHOLE, *, if_match: str = ""
    ) -> tuple[Stat, Content]:
        """An object, and its content or a span of it, both of the same version,
        even where it is replaced while being read. The size is the object's.

        Raises NotFound, RangeNotSatisfiable, and Conflict where it is not at
        version `if_match`.
        """
        ...

    async def copy(
        self, source: str, key: str, *, version: str = "", condition: Condition = ALWAYS
    ) -> Written:
        """Writes under `key` what `source` holds, with its content type; the
        content stays in the store. As `put`, it appears whole or not at all.

        Raises NotFound where there is no source, and Conflict where that is not
        at `version`, or the condition does not hold for `key`.
        """
        ...

    async def link(self, key: str, seconds: int) -> str | None:
        """A URL at which whoever has it may GET just this object for so many
        seconds, past us. None where the store has no such thing."""
        ...

    async def begin_parts(
        self, key: str, sizes: Sequence[int], seconds: int, *, content_type: str
    ) -> Parts | None:
        """Begins an object whose parts of just these sizes whoever has their
        links may bring for so many seconds, past us. It is there once the parts
        were ended. None where the store has no such thing."""
        ...

    async def end_parts(self, key: str, its_id: str, size: int) -> Written:
        """Makes an object of what has come, which then is nobody's to change.

        Raises NotFound where nothing has come or it has ended, and
        InvalidRequest where not all has come.
        """
        ...

    async def drop_parts(self, before: datetime) -> int:
        """Gives up on what was begun before then and never ended, by whomever;
        how many objects."""
        ...

    async def stat(self, key: str) -> Stat | None:
        """What is known of an object; None if there is none."""
        ...

    async def list(self, prefix: str, *, after: str = "", limit: int = 1000) -> list[Stat]:
        """Up to `limit` objects whose keys begin with `prefix` and come after
        `after`, by key in code point order (which is that of UTF-8)."""
        ...

    async def delete(self, key: str, *, if_match: str = "") -> Stat | None:
        """Removes an object; gives what it was, None if there was none.

        Raises Conflict where it is not at version `if_match`.
        """
        ...
