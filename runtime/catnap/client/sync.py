"""The blocking client. Safe for many threads at once."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from os import PathLike
from types import TracebackType
from typing import Any, Generic, TypeVar

import grpc
from google.protobuf.message import Message

from catnap.client import operations
from catnap.client.channel import Stubs, options
from catnap.client.content import chunks
from catnap.client.logins import given
from catnap.client.method import Method, Service
from catnap.client.operation import PROMPT, Download, Pages, Records, Unary, Upload
from catnap.client.tls import secured
from catnap.errors import SkillCrashed

T = TypeVar("T")


class Incoming(Generic[T]):
    """Bytes that are still arriving. `head` says what they are."""

    def __init__(self, stubs: Stubs, call: Any, download: Download[T]) -> None:
        self._stubs, self._call, self._chunk = stubs, call, download.chunk
        with stubs.translated():
            first = next(call, None)
        if first is None:
            raise SkillCrashed(f"{stubs.address} ended its answer before it had begun")
        self.head = download.head(first)
        self._first = download.chunk(first)

    def __iter__(self) -> Iterator[bytes]:
        if self._first:
            yield self._first
            self._first = b""
        with self._stubs.translated():
            for message in self._call:
                yield self._chunk(message)

    def read(self) -> bytes:
        """All that is still to come."""
        return b"".join(self)

    def close(self) -> None:
        """Gives up on the rest."""
        self._call.cancel()

    def __enter__(self) -> Incoming[T]:
        return self

    def __exit__(
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

    def unary(self, operation: Unary[T]) -> T:
        with self._stubs.translated():
            message = operation.rpc(self._stubs)(
                operation.request, timeout=operation.timeout, metadata=self._stubs.metadata
            )
        return operation.read(message)

    def pages(self, operation: Pages[T]) -> Iterator[T]:
        token = ""
        while True:
            with self._stubs.translated():
                page = operation.rpc(self._stubs)(
                    operation.request(token), timeout=PROMPT, metadata=self._stubs.metadata
                )
            yield from operation.read(page)
            token = page.next_page_token
            if not token:
                return

    def records(self, operation: Records[T]) -> Iterator[T]:
        call = operation.rpc(self._stubs)(
            operation.request, timeout=operation.timeout, metadata=self._stubs.metadata
        )
        try:
            with self._stubs.translated():
                for message in call:
                    yield operation.read(message)
        finally:
            call.cancel()

    def download(self, operation: Download[T]) -> Incoming[T]:
        call = operation.rpc(self._stubs)(
            operation.request, timeout=operation.timeout, metadata=self._stubs.metadata
        )
        return Incoming(self._stubs, call, operation)

    def upload(self, operation: Upload[T]) -> T:
        messages = _Messages(operation)
        call = operation.rpc(self._stubs).future(iter(messages), metadata=self._stubs.metadata)
        messages.begin(call)
        try:
            with self._stubs.translated():
                return operation.read(call.result())
        except BaseException:
            call.cancel()
            if messages.error:
                raise messages.error from None
            raise


class _Messages(Generic[T]):
    """An upload's messages. gRPC asks for them in a thread of its own, where
    an error would only be logged: it breaks off the call and is kept here."""

    def __init__(self, operation: Upload[T]) -> None:
        self.error: Exception | None = None
        self._operation = operation
        self._call: Any = None
        self._begun = threading.Event()

    def begin(self, call: Any) -> None:
        self._call = call
        self._begun.set()

    def __iter__(self) -> Iterator[Message]:
        self._begun.wait()
        yield self._operation.header
        try:
            for chunk in chunks(self._operation.content):
                yield self._operation.chunk(chunk)
        except Exception as error:
            self.error = error
            self._call.cancel()
            return
        yield self._operation.end


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
    """What an agent core can ask of the gateway.

    Every method raises the error of catnap.errors that it ended with;
    `error.retryable` and `error.retry_after` say whether and when to repeat.
    """

    invoke = Method(operations.invoke, _Wire.unary)
    stream = Method(operations.stream, _Wire.download)
    submit = Method(operations.submit, _Wire.unary)

    def __init__(self, channel: grpc.Channel, stubs: Stubs) -> None:
        wire = _Wire(stubs)
        super().__init__(wire)
        self._channel = channel
        self.skills = Skills(wire)
        self.tasks = Tasks(wire)
        self.files = Files(wire)
        self.models = Models(wire)

    def close(self) -> None:
        """Breaks off what is under way and disconnects."""
        self._channel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def connect(
    address: str,
    token: str | None = None,
    *,
    ca: str | PathLike[str] = "",
    cert: str | PathLike[str] = "",
    key: str | PathLike[str] = "",
    credentials: grpc.ChannelCredentials | None = None,
) -> Client:
    """A client of the gateway at `host:port`, or `https://host:port` for TLS,
    which everything but loopback should have. Connects at the first call.

    token: the credential; None for CATNAP_TOKEN or else what `catnap login`
    kept for the address. ca: a file of certificates to trust, empty for the
    system's. cert, key: files of the client's own, where the gateway asks for
    one. credentials: gRPC's own, in the place of all three. Raises
    InvalidRequest for what is no address or no such file.
    """
    where = secured(address, ca, cert, key, credentials)
    if token is None:
        token = given(where.address, os.environ)
    if where.credentials is None:
        channel = grpc.insecure_channel(where.target, options(where.target))
    else:
        channel = grpc.secure_channel(where.target, where.credentials, options(where.target))
    return Client(channel, Stubs.over(channel, where.address, token))
