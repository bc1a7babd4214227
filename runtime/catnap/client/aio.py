"""The client for asyncio. One per event loop; safe for many tasks at once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import aclosing, suppress
from os import PathLike
from types import TracebackType
from typing import Any, Generic, TypeVar

import grpc

from catnap.client import operations
from catnap.client.channel import Stubs, options
from catnap.client.content import async_chunks
from catnap.client.logins import given
from catnap.client.method import Method, Service
from catnap.client.operation import PROMPT, Download, Pages, Records, Unary, Upload
from catnap.client.tls import secured
from catnap.errors import SkillCrashed

T = TypeVar("T")


class Incoming(Generic[T]):
    """Bytes that are still arriving. `head` says what they are."""

    def __init__(
        self,
        stubs: Stubs,
        call: Any,
        messages: AsyncIterator[Any],
        download: Download[T],
        first: Any,
    ) -> None:
        self._stubs, self._call, self._messages = stubs, call, messages
        self._chunk = download.chunk
        self.head = download.head(first)
        self._first = download.chunk(first)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._first:
            yield self._first
            self._first = b""
        with self._stubs.translated():
            async for message in self._messages:
                yield self._chunk(message)

    async def read(self) -> bytes:
        """All that is still to come."""
        return b"".join([chunk async for chunk in self])

    def close(self) -> None:
        """Gives up on the rest."""
        self._call.cancel()

    async def __aenter__(self) -> Incoming[T]:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Wire:
    """Sends operations."""

    def __init__(self, stubs: Stubs) -> None:
        self._stubs = stubs

    async def unary(self, operation: Unary[T]) -> T:
        with self._stubs.translated():
            message = await operation.rpc(self._stubs)(
                operation.request, timeout=operation.timeout, metadata=self._stubs.metadata
            )
        return operation.read(message)

    async def pages(self, operation: Pages[T]) -> AsyncIterator[T]:
        token = ""
        while True:
            with self._stubs.translated():
                page = await operation.rpc(self._stubs)(
                    operation.request(token), timeout=PROMPT, metadata=self._stubs.metadata
                )
            for each in operation.read(page):
                yield each
            token = page.next_page_token
            if not token:
                return

    async def records(self, operation: Records[T]) -> AsyncGenerator[T, None]:
        call = operation.rpc(self._stubs)(
            operation.request, timeout=operation.timeout, metadata=self._stubs.metadata
        )
        try:
            with self._stubs.translated():
                async for message in call:
                    yield operation.read(message)
        finally:
            call.cancel()

    async def download(self, operation: Download[T]) -> Incoming[T]:
        call = operation.rpc(self._stubs)(
            operation.request, timeout=operation.timeout, metadata=self._stubs.metadata
        )
        messages = aiter(call)
        with self._stubs.translated():
            first = await anext(messages, None)
        if first is None:
            raise SkillCrashed(f"{self._stubs.address} ended its answer before it had begun")
        return Incoming(self._stubs, call, messages, operation, first)

    async def upload(self, operation: Upload[T]) -> T:
        call = operation.rpc(self._stubs)(metadata=self._stubs.metadata)
        ending = _Ending(call)
        try:
            await self._send(call, operation)
            with self._stubs.translated():
                return operation.read(await ending.response())
        finally:
            call.cancel()

    async def _send(self, call: Any, operation: Upload[Any]) -> None:
        """Writes all messages, or as many as are wanted: a write fails once
        the call has its answer, and only the answer says why."""
        ended = (grpc.aio.AioRpcError, asyncio.InvalidStateError)
        async with aclosing(async_chunks(operation.content)) as parts:
            try:
                await call.write(operation.header)
            except ended:
                return
            async for chunk in parts:
                try:
                    await call.write(operation.chunk(chunk))
                except ended:
                    return
            with suppress(*ended):
                await call.write(operation.end)
        await call.done_writing()


class _Ending:
    """How a call ended, noted when it did.

    A write that fails because the call was just answered makes grpc.aio
    overwrite the answer's status with an error of its own.
    """

    def __init__(self, call: Any) -> None:
        self._call = call
        self._noted: grpc.aio.AioRpcError | None = None
        call.add_done_callback(self._note)

    def _note(self, call: Any) -> None:
        self._noted = grpc.aio.AioRpcError(
            code=_settled(call.code()),
            trailing_metadata=_settled(call.trailing_metadata()),
            details=_settled(call.details()),
        )

    async def response(self) -> Any:
        try:
            return await self._call
        except grpc.aio.AioRpcError as error:
            if error.details() == _OVERWRITTEN and self._noted:
                raise self._noted from None
            raise


_OVERWRITTEN = "Internal error from Core"


def _settled(attribute: Coroutine[Any, Any, T]) -> T:
    """What a coroutine gives that has nothing to wait for."""
    try:
        attribute.send(None)
    except StopIteration as ended:
        value: T = ended.value
        return value
    raise RuntimeError("the call has not ended")


class Skills(Service):
    """Which skills there are, and what they wrote."""

    list = Method(operations.list_skills, _Wire.unary)
    get = Method(operations.get_skill, _Wire.unary)
    logs = Method(operations.logs, _Wire.records)


class Tasks(Service):
    """Work that goes on without anybody waiting on the line."""

    get = Method(operations.get_task, _Wire.unary)
    wait = Method(operations.wait_task, _Wire.unary)
    cancel = Method(operations.cancel_task, _Wire.unary)
    list = Method(operations.list_tasks, _Wire.pages)
    redrive = Method(operations.redrive_task, _Wire.unary)


class Files(Service):
    """Files of a user, or of one session or task of theirs."""

    put = Method(operations.put_file, _Wire.upload)
    get = Method(operations.get_file, _Wire.download)
    copy = Method(operations.copy_file, _Wire.unary)
    list = Method(operations.list_files, _Wire.pages)
    delete = Method(operations.delete_file, _Wire.unary)


class Models(Service):
    """The models that everybody shares."""

    embed = Method(operations.embed, _Wire.unary)
    generate = Method(operations.generate, _Wire.records)
    list = Method(operations.list_models, _Wire.unary)


class Client(Service):
    """As catnap.client.Client, to be awaited."""

    invoke = Method(operations.invoke, _Wire.unary)
    stream = Method(operations.stream, _Wire.download)
    submit = Method(operations.submit, _Wire.unary)

    def __init__(self, channel: grpc.aio.Channel, stubs: Stubs) -> None:
        wire = _Wire(stubs)
        super().__init__(wire)
        self._channel = channel
        self.skills = Skills(wire)
        self.tasks = Tasks(wire)
        self.files = Files(wire)
        self.models = Models(wire)

    async def close(self) -> None:
        """Breaks off what is under way and disconnects."""
        await self._channel.close()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


def connect(
    address: str,
    token: str | None = None,
    *,
    ca: str | PathLike[str] = "",
    cert: str | PathLike[str] = "",
    key: str | PathLike[str] = "",
    credentials: grpc.ChannelCredentials | None = None,
) -> Client:
    """As catnap.client.connect, for the running event loop."""
    where = secured(address, ca, cert, key, credentials)
    if token is None:
        token = given(where.address, os.environ)
    if where.credentials is None:
        channel = grpc.aio.insecure_channel(where.target, options(where.target))
    else:
        channel = grpc.aio.secure_channel(where.target, where.credentials, options(where.target))
    return Client(channel, Stubs.over(channel, where.address, token))
