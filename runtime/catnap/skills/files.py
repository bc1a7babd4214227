"""ctx.files: the files of the user, the session and the task."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

import msgspec

from catnap.errors import NotFound
from catnap.skills.gateway import Gateway, Headers
from catnap.skills.quoting import quote

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


class Shared(msgspec.Struct, frozen=True):
    """A link to one file, for whoever has it, as long as it lasts.

    method: `GET` to read, `PUT` to write. url: where; a path where it is the
    gateway's own. seconds: from now on. headers: to be sent along. finish:
    where not empty, a path of the gateway's that is to be asked by an empty
    PUT when the content has been sent: it puts the file into its place.
    """

    method: str
    url: str
    seconds: int
    headers: dict[str, str] = {}
    finish: str = ""


class Files:
    """One scope's files. Keys are paths inside the scope.

    Conditional writes raise Conflict: `if_match` names the version that must
    still be there, `if_none_match="*"` wants none to be.
    """

    def __init__(self, gateway: Gateway, scope: Scope = "user") -> None:
        self._gateway = gateway
        self._base = f"/callback/files/{scope}"

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
        found: list[File] = []
        token = ""
        while True:
            query = f"?prefix={quote(prefix)}&page_token={quote(token)}"
            answer = await self._gateway.request("GET", self._base + query)
            page = msgspec.json.decode(await answer.read(), type=Page)
            found.extend(page.files)
            token = page.next
            if not token:
                return found

    async def stat(self, key: str) -> File | None:
        """What is known of a file; None if there is none."""
        try:
            answer = await self._gateway.request("HEAD", self._path(key))
        except NotFound:
            return None
        return _described(key, answer.headers)

    async def read(self, key: str) -> bytes:
        """The content. Raises NotFound."""
        answer = await self._gateway.request("GET", self._path(key))
        return await answer.read()

    async def fetch(self, key: str) -> tuple[File, bytes]:
        """The content together with the version that it is. Raises NotFound."""
        answer = await self._gateway.request("GET", self._path(key))
        data = await answer.read()
        return _described(key, answer.headers, len(data)), data

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        """The content in parts, whatever its size. Raises NotFound."""
        answer = await self._gateway.request("GET", self._path(key))
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
        """Writes a file; it appears whole or not at all."""
        given = {
            b"content-type": content_type,
            b"if-match": if_match,
            b"if-none-match": if_none_match,
        }
        headers: Headers = [(name, value.encode()) for name, value in given.items() if value]
        answer = await self._gateway.request("PUT", self._path(key), headers, data)
        return msgspec.json.decode(await answer.read(), type=File)

    async def delete(self, key: str, *, if_match: str = "") -> None:
        """Removes a file. Raises NotFound."""
        headers: Headers = [(b"if-match", if_match.encode())] if if_match else []
        await self._gateway.request("DELETE", self._path(key), headers)

    def _path(self, key: str) -> str:
        return f"{self._base}/{quote(key, '/')}"


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
