"""ctx.files: the files of the user, the session and the task."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import TYPE_CHECKING, Literal

import msgspec

from catnap.errors import InvalidRequest, NotFound
from catnap.skills.gateway import Gateway, Headers
from catnap.skills.quoting import quote

if TYPE_CHECKING:
    from catnap.skills.paths import FilePath

Scope = Literal["user", "session", "task"]


class File(msgspec.Struct, frozen=True):
    """What is known of one file. `modified` is RFC 3339, `size` in bytes;
    `etag` changes whenever the content does."""

    key: str
    size: int
    etag: str
    content_type: str
    modified: str


class Page(msgspec.Struct, frozen=True):
    files: list[File]
    next: str = ""


class Part(msgspec.Struct, frozen=True):
    """Where one part of a file is to be PUT, of that size in bytes."""

    url: str
    size: int


class Shared(msgspec.Struct, frozen=True):
    """A link to one file, for whoever has it, as long as it lasts.

    method: `GET` to read, `PUT` to write. url: where; a path where it is the
    gateway's own. seconds: from now on. headers: to be sent along. finish:
    where not empty, a path of the gateway's that is to be asked by an empty
    PUT when the content has been sent: it puts the file into its place. parts:
    where there are any, they are sent in place of the whole, in any order and
    several at once.
    """

    method: str
    url: str
    seconds: int
    headers: dict[str, str] = {}
    finish: str = ""
    parts: tuple[Part, ...] = ()


class Files:
    """One scope's files. Keys are paths inside the scope; `files / "a" / "b.txt"`
    is a file as pathlib would have it.

    Conditional writes raise Conflict: `if_match` names the version that must
    still be there, `if_none_match="*"` wants none to be.
    """

    def __init__(self, gateway: Gateway, scope: Scope = "user") -> None:
        self._gateway = gateway
        self.scope: Scope = scope
        self._base = f"/callback/files/{scope}"

    def __truediv__(self, key: str) -> FilePath:
        from catnap.skills.paths import FilePath  # for those skills that like it so

        return FilePath(self, key)

    @property
    def session(self) -> Files:
        """The session's files. The platform refuses where there is no session."""
        return Files(self._gateway, "session")

    @property
    def task(self) -> Files:
        """The files of this task alone."""
        return Files(self._gateway, "task")

    async def list(self, prefix: str = "") -> list[File]:
        """Every file whose key begins with `prefix`, by key."""
        return [file async for file in self.walk(prefix)]

    async def walk(self, prefix: str = "") -> AsyncGenerator[File, None]:
        """As list, one by one: however many there are, a page is held."""
        token = ""
        while True:
            query = f"?prefix={quote(prefix)}&page_token={quote(token)}"
            answer = await self._gateway.request("GET", self._base + query)
            page = msgspec.json.decode(await answer.read(), type=Page)
            for file in page.files:
                yield file
            token = page.next
            if not token:
                return

    async def stat(self, key: str) -> File | None:
        """What is known of a file; None if there is none."""
        try:
            answer = await self._gateway.request("HEAD", self._path(key))
        except NotFound:
            return None
        return _described(key, answer.headers)

    async def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """The content, or `length` bytes of it from `offset` on; a negative
        offset counts from the end. Raises NotFound, and InvalidRequest for what
        begins past the end."""
        answer = await self._gateway.request("GET", self._path(key), _range(offset, length))
        return await answer.read()

    async def fetch(self, key: str) -> tuple[File, bytes]:
        """The content together with the version that it is. Raises NotFound."""
        answer = await self._gateway.request("GET", self._path(key))
        data = await answer.read()
        return _described(key, answer.headers, len(data)), data

    async def stream(
        self, key: str, offset: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """As read, in parts, whatever the size."""
        answer = await self._gateway.request("GET", self._path(key), _range(offset, length))
        try:
            async for chunk in answer.body:
                yield chunk
        finally:
            answer.close()

    async def write(
        self,
        key: str,
        data: bytes | AsyncIterator[bytes],
        *,
        content_type: str = "",
        if_match: str = "",
        if_none_match: str = "",
    ) -> File:
        """Writes a file, from bytes or from parts as they come; it appears
        whole or not at all."""
        headers = _given(
            {
                b"content-type": content_type,
                b"if-match": if_match,
                b"if-none-match": if_none_match,
            }
        )
        answer = await self._gateway.request("PUT", self._path(key), headers, data)
        return msgspec.json.decode(await answer.read(), type=File)

    async def copy(
        self,
        source: str,
        key: str,
        *,
        to: Files | None = None,
        if_match: str = "",
        if_none_match: str = "",
    ) -> File:
        """Writes under `key` what the file `source` holds, without reading it.
        to: the scope that is written, by default this one. Raises NotFound."""
        return await self._transfer("copy", source, key, to, if_match, if_none_match)

    async def move(
        self,
        source: str,
        key: str,
        *,
        to: Files | None = None,
        if_match: str = "",
        if_none_match: str = "",
    ) -> File:
        """As copy, and removes the source, if it is still what was copied."""
        return await self._transfer("move", source, key, to, if_match, if_none_match)

    async def _transfer(
        self, do: str, source: str, key: str, to: Files | None, if_match: str, if_none_match: str
    ) -> File:
        asked = msgspec.json.encode({"do": do, "scope": self.scope, "key": source})
        headers = _given({b"if-match": if_match, b"if-none-match": if_none_match})
        answer = await self._gateway.request("POST", (to or self)._path(key), headers, asked)
        return msgspec.json.decode(await answer.read(), type=File)

    async def link(self, key: str, seconds: int | None = None) -> Shared:
        """A link by which anybody may read the file. Raises NotFound.

        seconds: for how long, up to an hour; nobody can take it back. None ends
        it a minute after the call's deadline, and after ten at most: for whom an
        answer is to bring it, say how long they need it.
        """
        path = f"/callback/links/{self.scope}/{quote(key, '/')}"
        if seconds is not None:
            path += f"?seconds={seconds}"
        answer = await self._gateway.request("GET", path)
        return msgspec.json.decode(await answer.read(), type=Shared)

    async def upload_link(
        self,
        key: str,
        size: int,
        *,
        content_type: str = "",
        seconds: int = 600,
        part_size: int = 0,
    ) -> Shared:
        """A link by which anybody may write the file, of just `size` bytes; or
        one for each part of `part_size` bytes, where the store takes parts. It
        ends a minute after the call's deadline, however many seconds are asked."""
        asked = {
            "size": size,
            "content_type": content_type,
            "seconds": seconds,
            "part_size": part_size,
        }
        path = f"/callback/links/{self.scope}/{quote(key, '/')}"
        answer = await self._gateway.request("POST", path, (), msgspec.json.encode(asked))
        return msgspec.json.decode(await answer.read(), type=Shared)

    async def delete(self, key: str, *, if_match: str = "") -> None:
        """Removes a file. Raises NotFound."""
        await self._gateway.request("DELETE", self._path(key), _given({b"if-match": if_match}))

    def _path(self, key: str) -> str:
        return f"{self._base}/{quote(key, '/')}"


def _given(fields: dict[bytes, str]) -> Headers:
    return [(name, value.encode()) for name, value in fields.items() if value]


def _range(offset: int, length: int | None) -> Headers:
    if offset < 0:
        if length is not None:
            raise InvalidRequest(f"offset {offset} counts from the end, and takes no length")
        return [(b"range", b"bytes=%d" % offset)]
    if length is None:
        return [(b"range", b"bytes=%d-" % offset)] if offset else ()
    if length < 1:
        raise InvalidRequest(f"length {length}: ask for 1 byte or more")
    return [(b"range", b"bytes=%d-%d" % (offset, offset + length - 1))]


def _described(key: str, headers: dict[bytes, bytes], size: int | None = None) -> File:
    def text(name: bytes) -> str:
        return headers.get(name, b"").decode()

    return File(
        key=key,
        size=int(text(b"catnap-size") or 0) if size is None else size,
        etag=text(b"etag").strip('"'),
        content_type=text(b"content-type"),
        modified=text(b"catnap-modified"),
    )
