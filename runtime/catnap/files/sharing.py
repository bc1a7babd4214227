"""Links to files: the store's own where it has such, ours elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal
from urllib.parse import quote

from catnap.errors import InvalidRequest
from catnap.files.files import Files
from catnap.files.links import Link, Links, check_seconds
from catnap.files.media import content_type_of
from catnap.files.room import Room
from catnap.files.scopes import Scope, check_key
from catnap.files.store import ObjectStore
from catnap.skills.files import Part, Shared

MAX_UPLOAD = 5 * 1024**3
"""Bytes of an upload by link: what S3 takes in one request."""
MIN_PART = 5 * 1024**2
"""Bytes of each part but the last, for S3."""
MAX_PARTS = 1000


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
        direct = await self._store.link(scope.prefix + key, seconds)
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
        part_size: int = 0,
    ) -> Shared:
        """A link to write a file by, of just that size in bytes; or a link for
        each part of part_size, where the store takes the content itself.

        There the file is in its place once `finish` was asked too; it takes
        content that came whole, and once. Raises InvalidRequest, and
        ResourceExhausted where there is no room.
        """
        key = check_key(key)
        check_seconds(seconds)
        sizes = part_sizes(size, part_size)
        content_type = content_type_of(key, content_type)
        # An empty file is not worth the way past us.
        parts = size and await self._store.begin_parts(
            scope.prefix + key, sizes, seconds, content_type=content_type
        )
        if parts and self._room:
            # Without room nobody is told of what has begun, and it is dropped one day.
            await self._room.keep(scope, key, parts.id, size, seconds)
        ours = self._ours(
            *("PUT", scope, key, seconds, roles),
            size=size,
            content_type=content_type,
            upload=parts.id if parts else "",
        )
        headers = {"Content-Length": str(size)}
        if not parts:
            return Shared("PUT", ours, seconds, {"Content-Type": content_type, **headers})
        if len(sizes) == 1:
            return Shared("PUT", parts.urls[0], seconds, headers, ours)
        links = tuple(map(Part, parts.urls, sizes))
        return Shared("PUT", "", seconds, {}, ours, links)

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


def part_sizes(size: int, part_size: int) -> list[int]:
    """Of the parts that a file is sent in. part_size: 0 for one part.

    Raises InvalidRequest for what no store takes.
    """
    if not 0 <= size <= MAX_UPLOAD:
        raise InvalidRequest(f"size {size:,}: an upload by link has up to {MAX_UPLOAD:,} bytes")
    part_size = part_size or max(size, MIN_PART)
    least = max(MIN_PART, -(-size // MAX_PARTS))
    if part_size < least:
        raise InvalidRequest(
            f"part_size {part_size:,}: parts of {size:,} bytes have {least:,} or more each; "
            "0 is all in one"
        )
    return [min(part_size, size - start) for start in range(0, size, part_size)]
