"""Requests to S3 from the event loop, and what they fail with as errors of ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from catnap.errors import (
    CatnapError,
    Conflict,
    InvalidRequest,
    NotFound,
    ResourceExhausted,
    Unavailable,
)
from catnap.files.bucket import Bucket, client
from catnap.http.errors import RangeNotSatisfiable

THREADS = 32
"""Requests at once; more wait for their turn."""
_BLOCK = 1024 * 1024
T = TypeVar("T")


class Calls:
    """boto3's client, in threads of its own."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self.client = client(bucket)
        self._signer: Any = None
        self._unchecked: Any = None
        self._threads = ThreadPoolExecutor(THREADS, "s3")

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)
        self.client.close()

    async def __call__(self, method: str, **arguments: Any) -> Any:
        """A method of the client's about this bucket. Runs to its end, whoever
        leaves meanwhile."""
        return await self._ask(lambda: self.client, method, arguments)

    async def unchecked(self, method: str, **arguments: Any) -> Any:
        """The same, without a promise of checksums."""

        def plain() -> Any:
            self._unchecked = self._unchecked or client(replace(self.bucket, checksums=False))
            return self._unchecked

        return await self._ask(plain, method, arguments)

    async def _ask(self, by: Callable[[], Any], method: str, arguments: dict[str, Any]) -> Any:
        def work() -> Any:
            with self._said(arguments.get("Key", "")):
                return getattr(by(), method)(Bucket=self.bucket.name, **arguments)

        return await self._run(work)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def links(
        self, method: str, seconds: int, asked: Iterable[Mapping[str, Any]]
    ) -> list[str]:
        """URLs that say, signed, what the method with each of these arguments asks."""

        def work() -> list[str]:
            with self._said(""):
                self._signer = self._signer or client(self.bucket, "links")
                return [
                    self._signer.generate_presigned_url(
                        method, {"Bucket": self.bucket.name, **each}, seconds
                    )
                    for each in asked
                ]

        return await self._run(work)

    async def read(self, body: Any) -> bytes:
        """The next block of an object's content."""

        def work() -> bytes:
            with self._said(""):
                block: bytes = body.read(_BLOCK)
                return block

        return await self._run(work)

    @contextmanager
    def _said(self, key: str) -> Iterator[None]:
        """What boto3 and its HTTP library raise, as errors of ours."""
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

        try:
            yield
        except ClientError as error:
            raise _error(key, self.bucket, error.response, str(error)) from error
        except (BotoCoreError, HTTPClientError, OSError) as error:
            raise Unavailable(f"{self.bucket} cannot be reached: {error}") from error


class Download:
    """An object's content on its way out, one block ahead of its reader."""

    def __init__(self, calls: Calls, body: Any) -> None:
        self._calls = calls
        self._body = body
        self._next: asyncio.Task[bytes] | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        self._next = self._next or self._ahead()
        # Shielded: its thread goes on, and must have ended before the body does.
        block = await asyncio.shield(self._next)
        self._next = None
        if not block:
            self._body.close()
            raise StopAsyncIteration
        self._next = self._ahead()
        return block

    async def aclose(self) -> None:
        """Gives up on the rest."""
        if self._next is not None:
            await asyncio.wait([self._next])
            self._next.cancelled() or self._next.exception()
        self._body.close()

    def _ahead(self) -> asyncio.Task[bytes]:
        return asyncio.create_task(self._calls.read(self._body))


def _error(key: str, bucket: Bucket, response: dict[str, Any], message: str) -> CatnapError:
    code = str(response.get("Error", {}).get("Code", ""))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    if code == "NoSuchBucket":
        return Unavailable(f"{bucket} does not exist: create it, or name another")
    if status == 404:
        return NotFound(f"there is no object {key!r}")
    if status == 416:
        return RangeNotSatisfiable(f"{key!r} ends before the range begins", 0)
    if status in (409, 412):
        return Conflict(f"{key!r} was changed by somebody else: read it anew and try again")
    if status in (429, 503):
        return ResourceExhausted(f"{bucket} asks for fewer requests: {message}", retry_after=1)
    if status in (401, 403):
        return Unavailable(f"{bucket} refuses the platform's own credentials: {message}")
    if status < 500:
        return InvalidRequest(f"file key {key[-80:]!a}: {bucket} does not take it: {message}")
    return Unavailable(f"{bucket} failed: {message}")
