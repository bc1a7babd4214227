from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import msgspec
import pytest

from catnap import Context, InvalidRequest, skill
from catnap.skills.decorator import ATTRIBUTE, Skill
from catnap.skills.testing import FakeGateway, call


class Question(msgspec.Struct):
    text: str
    top: Annotated[int, msgspec.Meta(ge=1)] = 3
    tags: list[str] = []


@dataclass
class Point:
    x: int


class Named(TypedDict):
    name: str


def found(function: Any) -> Skill:
    return getattr(skill(function), ATTRIBUTE)  # type: ignore[no-any-return]


def of(kind: Any) -> Skill:
    def function(ctx: Context, request: Any) -> None: ...

    function.__annotations__["request"] = kind
    return found(function)


@pytest.mark.parametrize(
    ("kind", "data", "value"),
    [
        (Question, b'{"text": "a"}', Question("a")),
        (Point, b'{"x": 1}', Point(1)),
        (Named, b'{"name": "a"}', {"name": "a"}),
        (Any, b"[1, null]", [1, None]),
        (Any, b"", None),
        (bytes, b"\xff", b"\xff"),
        (bytes, b"", b""),
    ],
)
def test_a_payload_becomes_the_declared_type(kind: Any, data: bytes, value: object) -> None:
    assert of(kind).decode(data) == value


@pytest.mark.parametrize(
    ("kind", "data", "message"),
    [
        (Question, b'{"text": 3}', r"at 'text': Expected `str`, got `int`"),
        (Question, b'{"text": "a", "top": 0}', r"at 'top': Expected `int` >= 1"),
        (Question, b'{"text": "a", "tags": ["x", 1]}', r"at 'tags\[1\]'"),
        (Question, b"{}", "missing required field `text`"),
        (Question, b"", "Expected `object`, got `null`"),
        (Annotated[int, msgspec.Meta(ge=1)], b"0", ">= 1"),
        (Any, b"{", "is not JSON"),
        (Any, b'"\xff"', "is not JSON"),
        (Any, b"[" * 100_000, "is not JSON"),
    ],
)
def test_a_payload_that_does_not_fit_is_refused_with_its_place(
    kind: Any, data: bytes, message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        of(kind).decode(data)


def test_schemas_describe_both_sides() -> None:
    def function(ctx: Context, request: Question) -> Point: ...  # type: ignore[empty-body]

    accepts, gives = found(function).schemas()
    assert accepts
    assert accepts["$defs"]["Question"]["properties"]["top"]["minimum"] == 1
    assert gives
    assert gives["$defs"]["Point"]["required"] == ["x"]


def test_bytes_are_described_as_such() -> None:
    def function(ctx: Context, request: bytes) -> bytes: ...  # type: ignore[empty-body]

    binary = {"contentMediaType": "application/octet-stream"}
    assert found(function).schemas() == (binary, binary)


def test_where_no_type_says_there_is_no_schema() -> None:
    def function(ctx, request): ...  # type: ignore[no-untyped-def]

    assert found(function).schemas() == (None, None)


def test_a_type_that_json_cannot_carry_is_named() -> None:
    class Odd: ...

    with pytest.raises(InvalidRequest, match=r"function: .*Odd.* is not supported: annotate with"):
        of(Odd).schemas()


def test_a_stream_is_described_by_its_parts() -> None:
    async def function(ctx: Context) -> AsyncIterator[int]:
        yield 1

    it = found(function)
    assert (it.is_stream, it.takes_request, it.output) == (True, False, int)


def test_a_generator_streams_with_async_or_without() -> None:
    def parts(ctx: Context) -> Iterator[int]:
        yield 1

    it = found(parts)
    assert (it.is_stream, it.is_async, it.output) == (True, False, int)


def test_a_payload_can_be_asked_for_as_a_stream() -> None:
    async def waits(ctx: Context, request: AsyncIterator[bytes]) -> int: ...  # type: ignore[empty-body]
    def blocks(ctx: Context, request: Iterator[bytes]) -> int: ...  # type: ignore[empty-body]
    def whole(ctx: Context, request: list[bytes]) -> int: ...  # type: ignore[empty-body]

    assert [found(each).takes_stream for each in (waits, blocks, whole)] == [True, True, False]
    accepts, _ = found(waits).schemas()
    assert accepts
    assert accepts["contentMediaType"] == "application/octet-stream"
    assert "while they arrive" in accepts["description"]


def test_a_stream_that_the_function_cannot_read_is_refused() -> None:
    async def blocks_the_loop(ctx: Context, request: Iterator[bytes]) -> None: ...
    def cannot_wait(ctx: Context, request: AsyncIterator[bytes]) -> None: ...
    async def wants_more(ctx: Context, request: AsyncIterator[Question]) -> None: ...

    for function, kind in (
        (blocks_the_loop, "AsyncIterator"),
        (cannot_wait, "Iterator"),
        (wants_more, "AsyncIterator"),
    ):
        with pytest.raises(TypeError, match=rf"streamed to it is of type {kind}\[bytes\]"):
            skill(function)


@pytest.mark.parametrize("function", [lambda: 1, lambda a, b, c: 1])
def test_a_function_of_another_shape_is_refused(function: Any) -> None:
    with pytest.raises(TypeError, match=r"takes \(ctx\) or \(ctx, request\)"):
        skill(function)


async def test_each_kind_of_function_is_called() -> None:
    @skill
    def plain(ctx: Context, request: int) -> int:
        return request + 1

    @skill
    async def waiting(ctx: Context) -> str:
        return ctx.user

    @skill
    async def parts(ctx: Context, request: int) -> AsyncIterator[int]:
        for part in range(request):
            yield part

    @skill
    def steps(ctx: Context, request: int) -> Iterator[int]:
        yield from range(request)

    @skill
    async def size(ctx: Context, request: AsyncIterator[bytes]) -> int:
        return sum([len(chunk) async for chunk in request])

    @skill
    def joined(ctx: Context, request: Iterator[bytes]) -> bytes:
        return b"".join(request)

    assert await call(steps, 3) == [0, 1, 2]
    assert await call(size, b"12345") == 5
    assert await call(joined, b"12345") == b"12345"
    assert await call(joined) == b""
    assert await call(plain, 1) == 2
    assert await call(waiting, user="ann") == "ann"
    assert await call(parts, 3) == [0, 1, 2]


async def test_a_skill_can_be_called_as_the_function_it_is() -> None:
    @skill
    def double(ctx: Context, request: int) -> int:
        return 2 * request

    assert double(None, 3) == 6  # type: ignore[arg-type]


async def test_a_default_stands_for_an_empty_payload_and_for_no_other() -> None:
    @skill
    async def ask(ctx: Context, request: Question = Question("anything?")) -> str:  # noqa: B008
        return request.text

    @skill
    def raw(ctx: Context, request: bytes = b"default") -> bytes:
        return request

    @skill
    async def items(ctx: Context, request: int = 2) -> AsyncIterator[int]:
        for item in range(request):
            yield item

    @skill
    async def asks(ctx: Context) -> list[Any]:
        return [await ctx.call("ask"), await ctx.call("items", 1)]

    assert await call(ask) == "anything?"
    assert await call(ask, {"text": "this?"}) == "this?"
    assert await call(raw) == b"default"
    assert await call(items) == [0, 1]
    gateway = FakeGateway(skills={"ask": ask, "items": items})
    assert await call(asks, gateway=gateway) == ["anything?", [0]]
    with pytest.raises(InvalidRequest, match="got `null`"):
        await call(ask, b"null")


async def test_an_empty_payload_without_a_default_is_null() -> None:
    @skill
    async def anything(ctx: Context, request: Any) -> Any:
        return [request]

    assert await call(anything) == [None]
