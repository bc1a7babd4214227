"""One operation of the gateway as a value: which RPC, with what message, and
how its answer is read. The blocking and the asyncio client only send."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

from catnap.client.channel import Stubs
from catnap.client.content import AnyContent

T = TypeVar("T")
PROMPT = 30.0
"""Seconds after which an answer that needs no skill is overdue."""


@dataclass(frozen=True)
class Unary(Generic[T]):
    """One message there, one back. `timeout` in seconds; None waits."""

    rpc: Callable[[Stubs], Any]
    request: Message
    read: Callable[[Any], T]
    timeout: float | None = PROMPT


@dataclass(frozen=True)
class Pages(Generic[T]):
    """A list in pages; `request` makes the message for a page's token."""

    rpc: Callable[[Stubs], Any]
    request: Callable[[str], Message]
    read: Callable[[Any], Sequence[T]]


@dataclass(frozen=True)
class Records(Generic[T]):
    """A stream of messages that each say something."""

    rpc: Callable[[Stubs], Any]
    request: Message
    read: Callable[[Any], T]
    timeout: float | None = None


@dataclass(frozen=True)
class Download(Generic[T]):
    """A stream of bytes whose first message says what they are."""

    rpc: Callable[[Stubs], Any]
    request: Message
    head: Callable[[Any], T]
    chunk: Callable[[Any], bytes]
    timeout: float | None = None


@dataclass(frozen=True)
class Upload(Generic[T]):
    """A header, the content in parts, and the end; one message back."""

    rpc: Callable[[Stubs], Any]
    header: Message
    content: AnyContent
    chunk: Callable[[bytes], Message]
    end: Message
    read: Callable[[Any], T]
