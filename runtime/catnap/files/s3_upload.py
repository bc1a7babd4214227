"""Objects in parts: a few on their way at once, and none left where it fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from typing import Any

from catnap.errors import CatnapError
from catnap.files.s3_calls import Calls

PART = 8 * 1024 * 1024
"""Bytes of a part; what fits in one is sent as one. S3 wants at least 5 MiB."""
COPIED_PART = 512 * 1024 * 1024
"""Bytes of a part that S3 copies by itself; it takes up to 5 GiB."""
FLYING = 4
"""Parts on their way at once: so many are held in memory."""

Sent = Callable[[int], Coroutine[Any, Any, Any]]
"""Sends a part, given its number; gives S3's answer."""


async def upload(
    calls: Calls, key: str, parts: AsyncIterator[bytes], begin: dict[str, Any], end: dict[str, Any]
) -> str:
    """Writes an object from parts of content; its etag. begin, end: what the
    first and the last request say beside the key."""
    whole = _Multipart(calls, key)
    await whole.begin(begin)
    try:
        async for part in parts:
            await whole.add("upload_part", Body=part)
        return await whole.complete(end)
    except BaseException:
        await whole.abort()
        raise


async def copy(
    calls: Calls,
    source: dict[str, str],
    size: int,
    key: str,
    begin: dict[str, Any],
    end: dict[str, Any],
) -> str:
    """Writes an object from parts of another one; its etag. source: which, as
    each part's request says it."""
    whole = _Multipart(calls, key)
    await whole.begin(begin)
    try:
        for start in range(0, size, COPIED_PART):
            last = min(start + COPIED_PART, size) - 1
            await whole.add("upload_part_copy", CopySourceRange=f"bytes={start}-{last}", **source)
        return await whole.complete(end)
    except BaseException:
        await whole.abort()
        raise


class _Multipart:
    def __init__(self, calls: Calls, key: str) -> None:
        self._calls = calls
        self._key = key
        self._parts: list[asyncio.Task[str]] = []
        self._flying: set[asyncio.Task[str]] = set()

    async def begin(self, said: dict[str, Any]) -> None:
        # A caller that leaves now would leave an upload that nobody knows of.
        begun = asyncio.create_task(self._calls("create_multipart_upload", Key=self._key, **said))
        try:
            self._id = (await asyncio.shield(begun))["UploadId"]
        except asyncio.CancelledError:
            with suppress(CatnapError):
                self._id = (await begun)["UploadId"]
                await self.abort()
            raise

    async def add(self, method: str, **part: Any) -> None:
        """Sends one more part, once there is room for it. Raises what an
        earlier one failed with."""
        sent = asyncio.create_task(self._send(method, len(self._parts) + 1, part))
        self._parts.append(sent)
        self._flying.add(sent)
        if len(self._flying) >= FLYING:
            done, self._flying = await asyncio.wait(
                self._flying, return_when=asyncio.FIRST_COMPLETED
            )
            for each in done:
                each.result()

    async def _send(self, method: str, number: int, part: dict[str, Any]) -> str:
        answer = await self._calls(
            method, Key=self._key, UploadId=self._id, PartNumber=number, **part
        )
        etag: str = answer.get("CopyPartResult", answer)["ETag"]
        return etag

    async def complete(self, said: dict[str, Any]) -> str:
        parts = [
            {"PartNumber": number, "ETag": await sent}
            for number, sent in enumerate(self._parts, start=1)
        ]
        answer = await self._calls(
            "complete_multipart_upload",
            Key=self._key,
            UploadId=self._id,
            MultipartUpload={"Parts": parts},
            **said,
        )
        etag: str = answer["ETag"]
        return etag

    async def abort(self) -> None:
        """Parts that nobody completes are paid for until somebody aborts, and
        one that arrives after that stays: so those under way end first."""

        async def work() -> None:
            if self._flying:
                await asyncio.wait(self._flying)
            for sent in self._parts:
                if sent.done() and not sent.cancelled():
                    sent.exception()
            with suppress(CatnapError):
                await self._calls("abort_multipart_upload", Key=self._key, UploadId=self._id)

        await asyncio.shield(asyncio.create_task(work()))
