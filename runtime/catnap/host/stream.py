"""An answer that comes in parts, and the forms that it can have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from catnap.errors import CatnapError, SkillError, to_problem
from catnap.http import MAX_BODY

_encode = msgspec.json.Encoder().encode


class Parts(Protocol):
    """What an async generator has."""

    async def __anext__(self) -> Any: ...

    async def aclose(self) -> None: ...


class Form(msgspec.Struct, frozen=True):
    """How parts are written, and how an error that ends them is."""

    content_type: bytes
    item: Callable[[Any], bytes]
    error: Callable[[CatnapError], bytes] | None
    """None: an error can only break the answer off."""
    idle: bytes = b""
    """What a reader skips: sent between two parts that are long in coming."""


def _json(item: Any) -> bytes:
    """JSON in one line: only what a skill has encoded itself may have more."""
    encoded = _encode(item)
    if b"\n" in encoded or b"\r" in encoded:
        return msgspec.json.format(encoded, indent=-1)
    return encoded


def _line(item: Any) -> bytes:
    return _json(item) + b"\n"


def _error_line(error: CatnapError) -> bytes:
    return b'{"error":' + to_problem(error) + b"}\n"


def _event(item: Any) -> bytes:
    return b"data: " + _json(item) + b"\n\n"


def _error_event(error: CatnapError) -> bytes:
    return b"event: error\ndata: " + to_problem(error) + b"\n\n"


NDJSON = Form(b"application/x-ndjson", _line, _error_line)
SSE = Form(b"text/event-stream", _event, _error_event, idle=b":\n\n")
RAW = Form(b"application/octet-stream", bytes, None)


class Stream:
    """The parts of a skill's answer, written in a form.

    An object and not a generator: closing a generator that was never begun
    runs nothing of it, and the skill's own has begun by then.
    """

    def __init__(self, parts: Parts, form: Form) -> None:
        self._parts = parts
        self.form = form
        self._first: bytes | None = None
        self._ended = False

    async def begin(self) -> None:
        """Waits for the first part. Raises what the skill raises before it."""
        try:
            self._first = await self.next()
        except BaseException:
            await self.close()
            raise

    async def next(self) -> bytes | None:
        """The next part; None when the skill has ended."""
        if self._first is not None:
            first, self._first = self._first, None
            return first
        if self._ended:
            return None
        try:
            return self.form.item(await self._parts.__anext__())
        except StopAsyncIteration:
            self._ended = True
            return None

    def fail(self, error: CatnapError) -> bytes:
        """The last part, which says how it ended. Raises the error where the
        form has no word for it."""
        self._ended = True
        if self.form.error is None:
            raise error
        return self.form.error(error)

    async def close(self) -> None:
        """Ends the skill's generator where it is."""
        self._ended = True
        await self._parts.aclose()


async def gather(parts: Parts) -> bytes:
    """All parts as one JSON array. Raises what the skill raises, and
    SkillError where they are too many to be held."""
    encoded: list[bytes] = []
    size = 0
    try:
        while True:
            encoded.append(_encode(await parts.__anext__()))
            size += len(encoded[-1]) + 1
            if size > MAX_BODY:
                raise SkillError(
                    f"the answer has more than {MAX_BODY:,} bytes: take it in parts, with "
                    "Accept: application/x-ndjson"
                )
    except StopAsyncIteration:
        return b"[" + b",".join(encoded) + b"]"
    finally:
        await parts.aclose()
