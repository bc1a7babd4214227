"""The object store in an S3 bucket, through boto3."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

from catnap.errors import Conflict, InvalidRequest, NotFound
from catnap.files import s3_parts, s3_upload
from catnap.files.blocks import blocks
from catnap.files.bucket import Bucket
from catnap.files.s3_calls import Calls, Download
from catnap.files.s3_upload import COPIED_PART, PART
from catnap.files.spans import WHOLE, Span
from catnap.files.store import ALWAYS, Condition, Content, Parts, Stat, Written
from catnap.http.errors import RangeNotSatisfiable

MAX_KEY_BYTES = 1024
_PAGE = 1000


class S3Store:
    """Objects in a bucket that exists.

    The etag is S3's own. Differences from a folder: `content_type` is empty in
    listings; `created` comes from a look before an unconditional write, so
    concurrent writers may both be told the same; a key has at most
    1,024 bytes with its scope's prefix; `if_match` of a delete is exact only
    where the server knows conditional deletes. Bodies need to fit in 10,000
    parts of 8 MiB.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._call = Calls(bucket)

    def close(self) -> None:
        """Closes the connections; no call may be under way."""
        self._call.close()

    async def put(
        self,
        key: str,
        body: AsyncIterable[bytes],
        *,
        content_type: str,
        condition: Condition = ALWAYS,
    ) -> Written:
        before = await self._before(key, condition)
        source = _Counted(blocks(body, PART))
        said = {"ContentType": content_type, **self._bucket.encryption}
        first = await anext(source, b"")
        second = await anext(source, b"")
        try:
            if second:
                parts = _chained([first, second], source)
                del first, second
                etag = await s3_upload.upload(self._call, key, parts, said, _asked(condition))
            else:
                etag = await self._put(key, first, said, condition)
        except NotFound:  # how S3 answers to If-Match where there is nothing any more
            condition.check(key, None)
            raise
        return await self._written(key, etag, source.size, content_type, before)

    async def _put(self, key: str, body: bytes, said: dict[str, str], condition: Condition) -> str:
        answer = await self._call("put_object", Key=key, Body=body, **said, **_asked(condition))
        etag: str = answer["ETag"]
        return etag

    async def copy(
        self, source: str, key: str, *, version: str = "", condition: Condition = ALWAYS
    ) -> Written:
        there = await self.stat(source)
        if there is None:
            raise NotFound(f"there is no object {source!r}")
        Condition(version).check(source, there.etag)
        before = await self._before(key, condition)
        said = {"ContentType": there.content_type, **self._bucket.encryption}
        which: dict[str, Any] = {
            "CopySource": {"Bucket": self._bucket.name, "Key": source},
            "CopySourceIfMatch": f'"{there.etag}"',
        }
        if condition == ALWAYS and there.size <= COPIED_PART:
            answer = await self._call(
                "copy_object", Key=key, MetadataDirective="REPLACE", **which, **said
            )
            etag = answer["CopyObjectResult"]["ETag"]
        elif there.size:
            # Few servers know conditions of a copy; all know those of an upload's end.
            etag = await s3_upload.copy(self._call, which, there.size, key, said, _asked(condition))
        else:
            etag = await self._put(key, b"", said, condition)
        return await self._written(key, etag, there.size, there.content_type, before)

    async def _before(self, key: str, condition: Condition) -> Stat | None:
        _check_length(key)
        before = await self.stat(key)
        condition.check(key, before.etag if before else None)
        return before

    async def _written(
        self, key: str, etag: str, size: int, content_type: str, before: Stat | None
    ) -> Written:
        etag = _plain(etag)
        try:
            # The answer to a write does not tell when it was.
            head = await self._call("head_object", Key=key, IfMatch=f'"{etag}"')
            modified = _whole_second(head["LastModified"])
        except (Conflict, NotFound):  # replaced or removed since
            modified = datetime.now(UTC).replace(microsecond=0)
        return Written(Stat(key, size, etag, content_type, modified), created=before is None)

    async def get(
        self, key: str, span: Span = WHOLE, *, if_match: str = ""
    ) -> tuple[Stat, Content]:
        wanted = {"IfMatch": f'"{if_match}"'} if if_match else {}
        if span != WHOLE:
            wanted["Range"] = str(span)
        try:
            answer = await self._call("get_object", Key=key, **wanted)
        except RangeNotSatisfiable:
            # Of an empty object S3 refuses every range, and it tells no size.
            there = await self.stat(key)
            if there is None:
                raise NotFound(f"there is no object {key!r}") from None
            start, stop = span.within(there.size)
            if start < stop:
                raise Conflict(f"{key!r} was changed meanwhile: read it anew") from None
            return there, _chained([])
        return _stat(key, answer), Download(self._call, answer["Body"])

    async def link(self, key: str, seconds: int) -> str | None:
        # Shown by a browser on the store's own origin, it stays a file.
        asked = {"Key": key, "ResponseContentDisposition": "attachment"}
        [url] = await self._call.links("get_object", seconds, [asked])
        return url

    async def begin_parts(
        self, key: str, sizes: Sequence[int], seconds: int, *, content_type: str
    ) -> Parts | None:
        _check_length(key)
        said = {"ContentType": content_type, **self._bucket.encryption}
        return await s3_parts.begin(self._call, key, sizes, seconds, said)

    async def end_parts(self, key: str, its_id: str, size: int) -> Written:
        before = await self.stat(key)
        etag = _plain(await s3_parts.end(self._call, key, its_id, size))
        there = await self.stat(key)
        if there is None or there.etag != etag:  # replaced or removed since
            there = Stat(key, size, etag, "", datetime.now(UTC).replace(microsecond=0))
        return Written(there, created=before is None)

    async def drop_parts(self, before: datetime) -> int:
        return await s3_parts.drop(self._call, before)

    async def stat(self, key: str) -> Stat | None:
        try:
            return _stat(key, await self._call("head_object", Key=key))
        except NotFound:
            return None

    async def list(self, prefix: str, *, after: str = "", limit: int = 1000) -> list[Stat]:
        found: list[Stat] = []
        while len(found) < limit:
            wanted = min(limit - len(found), _PAGE)
            page = await self._call(
                "list_objects_v2", Prefix=prefix, StartAfter=after, MaxKeys=wanted
            )
            found.extend(_listed(each) for each in page.get("Contents", ()))
            if not page["IsTruncated"]:
                break
            after = found[-1].key
        return found

    async def delete(self, key: str, *, if_match: str = "") -> Stat | None:
        there = await self.stat(key)
        Condition(if_match).check(key, there.etag if there else None)
        if there is None:
            return None
        condition = {"IfMatch": f'"{if_match}"'} if if_match else {}
        await self._call("delete_object", Key=key, **condition)
        return there


class _Counted:
    """Blocks, and how many bytes they had."""

    def __init__(self, source: AsyncIterator[bytes]) -> None:
        self._source = source
        self.size = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        block = await anext(self._source)
        self.size += len(block)
        return block


async def _chained(
    begun: list[bytes], rest: AsyncIterator[bytes] | None = None
) -> AsyncGenerator[bytes, None]:
    while begun:
        yield begun.pop(0)
    if rest is not None:
        async for block in rest:
            yield block


def _check_length(key: str) -> None:
    if len(key.encode()) > MAX_KEY_BYTES:
        raise InvalidRequest(
            f"file key {key[:80]!a}...: S3 takes {MAX_KEY_BYTES:,} bytes of key, with the "
            f"{key.count('/')} folders before it: shorten it"
        )


def _asked(condition: Condition) -> dict[str, str]:
    if condition.if_match:
        return {"IfMatch": f'"{condition.if_match}"'}
    return {"IfNoneMatch": "*"} if condition.if_none_match else {}


def _stat(key: str, answer: dict[str, Any]) -> Stat:
    # Of a range the length is that of the part; the whole is told behind a slash.
    whole = answer.get("ContentRange", "").rpartition("/")[2]
    return Stat(
        key,
        int(whole) if whole.isdigit() else answer["ContentLength"],
        _plain(answer["ETag"]),
        answer.get("ContentType", ""),
        _whole_second(answer["LastModified"]),
    )


def _listed(each: dict[str, Any]) -> Stat:
    return Stat(
        each["Key"], each["Size"], _plain(each["ETag"]), "", _whole_second(each["LastModified"])
    )


def _whole_second(time: datetime) -> datetime:
    # A listing tells milliseconds where the object itself tells seconds.
    return time.astimezone(UTC).replace(microsecond=0)


def _plain(etag: str) -> str:
    return etag.strip('"')
