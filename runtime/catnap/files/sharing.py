"""Links to files: the store's own where it has such, ours elsewhere."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from typing import Literal
from urllib.parse import quote

from catnap.errors import InvalidRequest
from catnap.files.files import CONTENT, Files
from catnap.files.links import Link, Links, check_seconds
from catnap.files.media import content_type_of
from catnap.files.room import Room
from catnap.files.scopes import Scope, check_key
from catnap.files.store import ObjectStore
from catnap.skills.files import Shared

MAX_UPLOAD = 5 * 1024**3
"""Bytes of an upload by link: what S3 takes in one request."""


class Sharing:
    """Makes links. Whether the caller may is decided before (access).

    now: seconds since the epoch. A link cannot be taken back: it is good for
    the seconds it was made for, and for nothing else.
    """

    def __init__(
        self,
        files: Files,
        store: ObjectStore,
        links: Links,
        now: Callable[[], float],
        room: Room | None = None,
    ) -> None:
        self._files = files
        self._store = store
        self._links = links
        self._now = now
        self._room = room

    async def download(self, scope: Scope, key: str, seconds: int, roles: Iterable[str]) -> Shared:
        """A link to read a file by. Raises InvalidRequest and NotFound."""
        key = check_key(key)
        check_seconds(seconds)
        await self._files.stat(scope, key)
        direct = await self._store.link("GET", scope.prefix + key, seconds, size=0, content_type="")
        url = direct or self._ours("GET", scope, key, seconds, roles)
        return Shared("GET", url, seconds)

    async def upload(
        self,
        scope: Scope,
        key: str,
        size: int,
        content_type: str,
        seconds: int,
        roles: Iterable[str],
    ) -> Shared:
        """A link to write a file by, of just that size in bytes.

        Where the store takes the content itself, the file is there once
        `finish` was asked too; it takes content that came whole, and once.
        Raises InvalidRequest, and ResourceExhausted where there is no room.
        """
        key = check_key(key)
        check_seconds(seconds)
        if not 0 <= size <= MAX_UPLOAD:
            raise InvalidRequest(f"size {size:,}: an upload by link has up to {MAX_UPLOAD:,} bytes")
        content_type = content_type_of(key, content_type)
        upload = Scope(scope.tenant, scope.user, upload=secrets.token_hex(16))
        direct = await self._store.link(
            "PUT", upload.prefix + CONTENT, seconds, size=size, content_type=content_type
        )
        if direct and self._room:
            await self._room.keep(scope, key, upload, size, seconds)
        ours = self._ours(
            *("PUT", scope, key, seconds, roles),
            size=size,
            content_type=content_type,
            upload=upload.upload if direct else "",
        )
        headers = {"Content-Type": content_type, "Content-Length": str(size)}
        return Shared("PUT", direct or ours, seconds, headers, ours if direct else "")

    def _ours(
        self,
        method: Literal["GET", "PUT"],
        scope: Scope,
        key: str,
        seconds: int,
        roles: Iterable[str],
        *,
        size: int = 0,
        content_type: str = "",
        upload: str = "",
    ) -> str:
        signed = self._links.sign(
            Link(
                tenant=scope.tenant,
                user=scope.user,
                session=scope.session,
                task=scope.task,
                key=key,
                method=method,
                expires=int(self._now()) + seconds,
                size=size,
                content_type=content_type,
                upload=upload,
                roles=tuple(sorted(roles)),
            )
        )
        return f"/files/{quote(scope.name, safe='')}/{quote(key)}?sig={signed}"
