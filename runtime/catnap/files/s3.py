"""The object store in an S3 bucket, through boto3."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from catnap.errors import (
    CatnapError,
    Conflict,
    InvalidRequest,
    NotFound,
    ResourceExhausted,
    Unavailable,
)
from catnap.files.blocks import blocks
from catnap.files.spans import WHOLE, Span
from catnap.files.store import ALWAYS, Condition, Stat, Written
from catnap.http.errors import RangeNotSatisfiable

PART = 8 * 1024 * 1024
"""Bytes of a part; what fits in one is sent as one. S3 wants at least 5 MiB."""

MAX_KEY_BYTES = 1024
_PAGE = 1000
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where the objects are.

    endpoint: a URL, empty for AWS. path_style: the bucket in the path and not
    in the host's name, as most S3 servers beside AWS want it. Without keys
    boto3 looks for credentials in its own places.
    """

    name: str
    endpoint: str = ""
    region: str = "us-east-1"
    path_style: bool = True
    access_key: str = ""
    secret_key: str = ""

    @classmethod
    def parse(cls, url: str) -> Bucket:
        """A bucket from `s3://name?endpoint=URL&region=NAME&path_style=false`;
        all but the name may be left out. Credentials are never part of it.

        Raises InvalidRequest, which names what is wrong.
        """
        parts = urlsplit(url)
        if parts.scheme != "s3" or not parts.netloc or parts.path not in ("", "/"):
            raise InvalidRequest(f"{url!r} is no bucket: write s3://name?endpoint=URL")
        given = dict(parse_qsl(parts.query, keep_blank_values=True))
        options = {name: given.pop(name) for name in ("endpoint", "region") if name in given}
        path_style = given.pop("path_style", "true")
        if given or path_style not in ("true", "false"):
            raise InvalidRequest(f"{url!r}: it takes endpoint, region and path_style=true or false")
        return cls(parts.netloc, path_style=path_style == "true", **options)


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
        # Here and not above: boto3 takes 170 ms and 40 MiB to import.
        import boto3
        from botocore.config import Config

        self._bucket = bucket
        self._client: Any = boto3.session.Session().client(
            "s3",
            endpoint_url=bucket.endpoint or None,
            region_name=bucket.region,
            aws_access_key_id=bucket.access_key or None,
            aws_secret_access_key=bucket.secret_key or None,
            config=Config(
                s3={"addressing_style": "path" if bucket.path_style else "virtual"},
                retries={"mode": "standard", "total_max_attempts": 4},
                max_pool_connections=32,
            ),
        )

    def close(self) -> None:
        """Closes the connections; no call may be under way."""
        self._client.close()

    async def put(
        self,
        key: str,
        body: AsyncIterable[bytes],
        *,
        content_type: str,
        condition: Condition = ALWAYS,
    ) -> Written:
        if len(key.encode()) > MAX_KEY_BYTES:
            raise InvalidRequest(
                f"file key {key[:80]!a}...: S3 takes {MAX_KEY_BYTES:,} bytes of key, with the "
                f"{key.count('/')} folders before it: shorten it"
            )
        before = await self.stat(key)
        condition.check(key, before.etag if before else None)
        try:
            etag, size = await self._write(key, blocks(body, PART), content_type, condition)
        except NotFound:  # how S3 answers to If-Match where there is nothing any more
            condition.check(key, None)
            raise
        stat = Stat(key, size, etag, content_type, await self._modified(key, etag))
        return Written(stat, created=before is None)

    async def _write(
        self, key: str, parts: AsyncIterator[bytes], content_type: str, condition: Condition
    ) -> tuple[str, int]:
        first = await anext(parts, b"")
        second = await anext(parts, b"")
        if second:
            return await self._upload(key, [first, second], parts, content_type, condition)
        answer = await self._call(
            self._client.put_object,
            Key=key,
            Body=first,
            ContentType=content_type,
            **_conditions(condition),
        )
        return _plain(answer["ETag"]), len(first)

    async def _upload(
        self,
        key: str,
        begun: list[bytes],
        parts: AsyncIterator[bytes],
        content_type: str,
        condition: Condition,
    ) -> tuple[str, int]:
        """In parts, one at a time; the etag and the size of the whole."""
        answer = await self._call(
            self._client.create_multipart_upload, Key=key, ContentType=content_type
        )
        upload = {"Key": key, "UploadId": answer["UploadId"]}
        done: list[dict[str, Any]] = []
        size = 0
        try:
            while part := begun.pop(0) if begun else await anext(parts, b""):
                number = len(done) + 1
                answer = await self._call(
                    self._client.upload_part, PartNumber=number, Body=part, **upload
                )
                done.append({"PartNumber": number, "ETag": answer["ETag"]})
                size += len(part)
            answer = await self._call(
                self._client.complete_multipart_upload,
                MultipartUpload={"Parts": done},
                **upload,
                **_conditions(condition),
            )
        except BaseException:
            # Parts that nobody completes are paid for until somebody aborts.
            with suppress(CatnapError):
                await asyncio.shield(self._call(self._client.abort_multipart_upload, **upload))
            raise
        return _plain(answer["ETag"]), size

    async def _modified(self, key: str, etag: str) -> datetime:
        """When S3 says a version was written; the answer to a put does not."""
        try:
            head = await self._call(self._client.head_object, Key=key, IfMatch=f'"{etag}"')
        except (Conflict, NotFound):  # replaced or removed since
            return datetime.now(UTC).replace(microsecond=0)
        return _whole_second(head["LastModified"])

    async def get(
        self, key: str, span: Span = WHOLE, *, if_match: str = ""
    ) -> tuple[Stat, AsyncIterator[bytes]]:
        wanted = {"IfMatch": f'"{if_match}"'} if if_match else {}
        if span != WHOLE:
            wanted["Range"] = str(span)
        try:
            answer = await self._call(self._client.get_object, Key=key, **wanted)
        except RangeNotSatisfiable:
            # Only the object's size tells whether S3 is right: of an empty one
            # it refuses every range.
            there = await self.stat(key)
            if there is None:
                raise NotFound(f"there is no object {key!r}") from None
            start, stop = span.within(there.size)
            if start < stop:
                raise Conflict(f"{key!r} was changed meanwhile: read it anew") from None
            return there, _nothing()
        return _stat(key, answer), _chunks(answer["Body"], self._told)

    async def stat(self, key: str) -> Stat | None:
        try:
            return _stat(key, await self._call(self._client.head_object, Key=key))
        except NotFound:
            return None

    async def list(self, prefix: str, *, after: str = "", limit: int = 1000) -> list[Stat]:
        found: list[Stat] = []
        while len(found) < limit:
            wanted = min(limit - len(found), _PAGE)
            page = await self._call(
                self._client.list_objects_v2, Prefix=prefix, StartAfter=after, MaxKeys=wanted
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
        await self._call(self._client.delete_object, Key=key, **condition)
        return there

    async def _call(self, method: Callable[..., Any], **arguments: Any) -> Any:
        def work() -> Any:
            with self._told(arguments["Key"] if "Key" in arguments else arguments["Prefix"]):
                return method(Bucket=self._bucket.name, **arguments)

        return await asyncio.to_thread(work)

    @contextmanager
    def _told(self, key: str) -> Iterator[None]:
        """What boto3 and its HTTP library raise, as errors of ours."""
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            HTTPClientError,
        )

        where = f"bucket {self._bucket.name!r} at {self._bucket.endpoint or 'AWS'}"
        try:
            yield
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
            raise _error(key, where, code, status, str(error)) from error
        except (BotoCoreError, HTTPClientError, OSError) as error:
            raise Unavailable(f"{where} cannot be reached: {error}") from error


def _error(key: str, where: str, code: str, status: int, message: str) -> CatnapError:
    if code == "NoSuchBucket":
        return Unavailable(f"{where} does not exist: create it, or name another")
    if status == 404:
        return NotFound(f"there is no object {key!r}")
    if status == 416:
        return RangeNotSatisfiable(f"{key!r} ends before the range begins", 0)
    if status in (409, 412):
        return Conflict(f"{key!r} was changed by somebody else: read it anew and try again")
    if status in (429, 503):
        return ResourceExhausted(f"{where} asks for fewer requests: {message}", retry_after=1)
    if status in (401, 403):
        return Unavailable(f"{where} refuses the platform's own credentials: {message}")
    if status < 500:
        return InvalidRequest(f"file key {key[-80:]!a}: {where} does not take it: {message}")
    return Unavailable(f"{where} failed: {message}")


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield


async def _chunks(
    body: Any, told: Callable[[str], AbstractContextManager[None]]
) -> AsyncIterator[bytes]:
    def read() -> bytes:
        with told(""):
            block: bytes = body.read(_CHUNK)
            return block

    try:
        while block := await asyncio.to_thread(read):
            yield block
    finally:
        body.close()


def _conditions(condition: Condition) -> dict[str, str]:
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
