"""An answer that comes in parts: server-sent events, or a line for each."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from catnap.errors import CatnapError, to_problem


@dataclass(frozen=True, slots=True)
class Form:
    """How parts are written, and how an error that ends them is."""

    content_type: bytes
    item: Callable[[Any], bytes]
    error: Callable[[CatnapError], bytes] | None
    """None: an error can only break the answer off."""


def _line(item: Any) -> bytes:
    return msgspec.json.encode(item) + b"\n"


def _error_line(error: CatnapError) -> bytes:
    return b'{"error":' + to_problem(error) + b"}\n"


def _event(item: Any) -> bytes:
    return b"data: " + msgspec.json.encode(item) + b"\n\n"


def _error_event(error: CatnapError) -> bytes:
    return b"event: error\ndata: " + to_problem(error) + b"\n\n"


NDJSON = Form(b"application/x-ndjson", _line, _error_line)
SSE = Form(b"text/event-stream", _event, _error_event)
RAW = Form(b"application/octet-stream", bytes, None)


class Stream:
    """The parts of a skill's async generator, written in a form.

    An object and not a generator: closing a generator that was never begun
    runs nothing of it, and the skill's own has begun by then.
    """

    def __init__(self, parts: AsyncGenerator[Any, None], form: Form) -> None:
        self._parts = parts
        self.form = form
        self._first: bytes | None = None
        self._ended = False

    async def begin(self) -> None:
        """Waits for the first part. Raises what the skill raises before it."""
        self._first = await self.next()

    async def next(self) -> bytes | None:
        """The next part; None when the skill has ended."""
        if self._first is not None:
            first, self._first = self._first, None
            return first
        if self._ended:
            return None
        try:
            return self.form.item(await anext(self._parts))
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
