"""An answer in parts: what goes wrong before the first of them has its own
status, and what goes wrong later is written where a part would be."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from catnap.errors import CatnapError
from catnap.http import Response

T = TypeVar("T")


@dataclass(frozen=True)
class Form(Generic[T]):
    """How parts are written. end: after the last one, where it was the last. idle:
    where the next one is long in coming."""

    headers: tuple[tuple[bytes, bytes], ...]
    part: Callable[[T], bytes]
    failed: Callable[[CatnapError], bytes]
    end: bytes = b""
    idle: bytes = b""


async def in_parts(parts: AsyncGenerator[T, None], form: Form[T]) -> Response:
    """Begins when the first one is there. Raises what comes in its place."""
    first = await anext(parts, None)
    return Response(200, list(form.headers), _Sent(first, parts, form), idle=form.idle)


class _Sent(Generic[T]):
    """Closes the parts when they have been read, or are given up."""

    def __init__(self, first: T | None, rest: AsyncGenerator[T, None], form: Form[T]) -> None:
        self._rest = rest
        self._sent = self._send(first, form)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._sent

    async def _send(self, first: T | None, form: Form[T]) -> AsyncGenerator[bytes, None]:
        try:
            if first is not None:
                yield form.part(first)
            async for part in self._rest:
                yield form.part(part)
            yield form.end
        except CatnapError as error:
            # Without the end, so that nobody takes a part for all.
            yield form.failed(error)

    async def aclose(self) -> None:
        await self._sent.aclose()
        await self._rest.aclose()
