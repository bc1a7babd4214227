"""What a Context asks of the platform, over the fake that authors test with."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from catnap import Conflict, Context, InvalidRequest, NotFound, SkillError, Unavailable, skill
from catnap.errors import DeadlineExceeded, PermissionDenied
from catnap.events import Event
from catnap.http import Client, Target
from catnap.skills.gateway import HttpGateway
from catnap.skills.testing import FakeGateway, call, word_vectors

EVENT = Event(id="1", source="/a", type="a.b")


def context(gateway: FakeGateway, **more: Any) -> Context:
    return Context(event=EVENT, task="t", gateway=gateway, **more)


async def test_a_file_is_written_read_and_removed() -> None:
    files = context(FakeGateway()).files
    written = await files.write("a b/ü.txt", b"one", content_type="text/plain")
    assert (written.key, written.size, written.content_type) == ("a b/ü.txt", 3, "text/plain")
    assert await files.read("a b/ü.txt") == b"one"
    assert await files.fetch("a b/ü.txt") == (written, b"one")
    assert await files.stat("a b/ü.txt") == written
    assert await files.list() == [written]
    await files.delete("a b/ü.txt")
    assert await files.stat("a b/ü.txt") is None
    with pytest.raises(NotFound, match="ü"):
        await files.read("a b/ü.txt")
    with pytest.raises(NotFound):
        await files.delete("a b/ü.txt")


async def test_a_file_is_streamed_both_ways() -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 70_000

    files = context(FakeGateway()).files
    await files.write("big", parts())
    assert sum([len(part) async for part in files.stream("big")]) == 210_000


async def test_conditional_writes_name_their_version() -> None:
    files = context(FakeGateway()).files
    first = await files.write("a", b"1", if_none_match="*")
    with pytest.raises(Conflict):
        await files.write("a", b"2", if_none_match="*")
    second = await files.write("a", b"2", if_match=first.etag)
    with pytest.raises(Conflict):
        await files.write("a", b"3", if_match=first.etag)
    with pytest.raises(Conflict):
        await files.delete("a", if_match=first.etag)
    await files.delete("a", if_match=second.etag)


async def test_a_long_listing_comes_in_pages_and_as_one() -> None:
    gateway = FakeGateway({f"n/{n:04}": b"" for n in range(2500)} | {"other": b""})
    found = await context(gateway).files.list("n/")
    assert [file.key for file in found] == [f"n/{n:04}" for n in range(2500)]
    assert len(gateway.requests) == 3


async def test_scopes_users_and_tenants_do_not_meet() -> None:
    gateway = FakeGateway({"a": b"user"})
    await gateway.files.task.write("a", b"task")
    assert await gateway.files.read("a") == b"user"
    assert await gateway.files.task.read("a") == b"task"
    with pytest.raises(InvalidRequest, match="no scope 'session'"):
        await gateway.files.session.list()
    in_session = gateway.granted(session="s")
    await in_session.files.session.write("a", b"session")
    assert await in_session.files.session.read("a") == b"session"
    for other in (gateway.granted(user="bob"), gateway.granted(tenant="acme")):
        assert await other.files.list() == []
    assert await gateway.granted(task="other").files.task.list() == []


@pytest.mark.parametrize("key", ["../a", "/a", "a//b", "a/./b", "a/", "a/../../b"])
async def test_a_key_cannot_leave_its_scope(key: str) -> None:
    with pytest.raises(InvalidRequest):
        await context(FakeGateway()).files.write(key, b"x")


async def test_vectors_come_in_the_order_of_the_texts() -> None:
    made = await context(FakeGateway()).models.embed(["cats nap", "dogs bark"])
    assert (len(made), made.dimensions) == (2, 64)
    expected = word_vectors(["cats nap", "dogs bark"])
    for row, wanted in zip(made.matrix().tolist(), expected, strict=True):
        assert row == pytest.approx(wanted, abs=1e-6)


async def test_a_model_must_be_allowed() -> None:
    with pytest.raises(PermissionDenied, match="'gpt/x'"):
        await context(FakeGateway()).models.embed(["a"], model="gpt/x")


class Total(msgspec.Struct):
    total: int


async def test_another_skill_is_called_for_the_same_user() -> None:
    @skill
    async def who(ctx: Context, request: str) -> str:
        return f"{request} {ctx.user}"

    async def add(payload: list[int]) -> dict[str, int]:
        return {"total": sum(payload)}

    skills = {"who": who, "add": add, "raw": lambda payload: b"\xff"}
    ctx = context(FakeGateway(skills=skills).granted(user="ann"))
    assert await ctx.call("who", "hello") == "hello ann"
    assert await ctx.call("add", [1, 2], output=Total) == Total(3)
    assert await ctx.call("raw") == b"\xff"
    with pytest.raises(NotFound, match="'no/such'"):
        await ctx.call("no/such")
    with pytest.raises(SkillError, match="answer of 'who' does not fit: Expected `int`"):
        await ctx.call("who", "hello", output=int)


async def test_the_error_of_another_skill_comes_through() -> None:
    @skill
    def declines(ctx: Context) -> None:
        raise SkillError("not today")

    with pytest.raises(SkillError, match="not today"):
        await context(FakeGateway(skills={"declines": declines})).call("declines")


async def test_events_of_a_task_have_the_same_ids_when_it_is_repeated() -> None:
    gateway = FakeGateway()
    for _ in range(2):
        ctx = context(gateway)
        await ctx.emit("a.done", {"n": 1}, subject="x y")
        await ctx.emit("b.done")
    first, second, *again = gateway.emitted
    assert [first, second] == again
    assert first.id != second.id
    assert (first.source, first.subject, first.data) == ("/tasks/t", "x y", b'{"n":1}')


async def test_events_of_a_task_keep_their_ids_whatever_their_order() -> None:
    gateway = FakeGateway()
    names = ["a", "b", "a", "c"]
    for order in (names, names[::-1]):
        ctx = context(gateway)
        await asyncio.gather(*(ctx.emit("x", {"name": name}) for name in order))
    ids = {(event.id, event.data) for event in gateway.emitted}
    assert len(ids) == len({key for key, _ in ids}) == len(names)


async def test_events_that_differ_in_anything_have_ids_of_their_own() -> None:
    gateway = FakeGateway()
    ctx = context(gateway)
    await ctx.emit("x", 1)
    await ctx.emit("y", 1)
    await ctx.emit("x", 1, subject="s")
    await ctx.emit("x", "1")
    await ctx.emit("x", 1)
    assert len({event.id for event in gateway.emitted}) == 5


async def test_an_event_can_be_named_by_its_author() -> None:
    gateway = FakeGateway()
    await context(gateway).emit("x", {"at": "noon"}, id="report")
    await context(gateway).emit("x", {"at": "night"}, id="report")
    assert [event.id for event in gateway.emitted] == ["report", "report"]


async def test_a_skill_without_async_asks_too() -> None:
    @skill
    def shout(ctx: Context, request: str) -> str:
        return ctx.run(ctx.files.read(request)).decode().upper()

    assert await call(shout, "a.txt", gateway=FakeGateway({"a.txt": "hello"})) == "HELLO"


async def test_a_wait_without_async_ends_at_the_deadline() -> None:
    @skill
    def waits(ctx: Context) -> None:
        ctx.run(asyncio.Event().wait())

    with pytest.raises(DeadlineExceeded):
        await call(waits, timeout=0.05)


async def test_a_timeout_of_the_works_own_is_not_taken_for_the_deadline() -> None:
    async def impatient() -> None:
        raise TimeoutError("mine")

    @skill
    def waits(ctx: Context) -> None:
        ctx.run(impatient())

    with pytest.raises(TimeoutError, match="mine"):
        await call(waits, timeout=60)


async def test_a_skill_that_never_answers_meets_its_deadline() -> None:
    @skill
    async def hangs(ctx: Context) -> None:
        await asyncio.Event().wait()

    with pytest.raises(DeadlineExceeded, match=r"within 0\.01 s"):
        await call(hangs, timeout=0.01)


async def test_without_a_platform_asking_says_so() -> None:
    with pytest.raises(Unavailable, match="runs without the platform"):
        await Context(event=EVENT).files.list()
    with pytest.raises(Unavailable, match=r"ctx\.proxy: this skill runs without the platform"):
        _ = Context(event=EVENT).proxy


async def test_a_test_of_a_skill_reaches_nobody_unless_it_says_whom() -> None:
    split = urlsplit(context(FakeGateway()).proxy)
    assert (split.scheme, split.username, split.port) == ("http", "catnap", 3128)
    with pytest.raises(OSError, match=r"."):
        socket.getaddrinfo(split.hostname, split.port)
    assert context(FakeGateway(proxy="http://127.0.0.1:9")).proxy == "http://127.0.0.1:9"


async def test_the_proxys_url_carries_the_grant() -> None:
    callback, egress = Target("gateway", 80), Target("gateway", 3128)
    gateway = HttpGateway(Client(), callback, b"cg1.a-b_c.d", egress)
    assert Context(event=EVENT, gateway=gateway).proxy == "http://catnap:cg1.a-b_c.d@gateway:3128"
    with pytest.raises(Unavailable, match="no egress proxy; CATNAP_EGRESS of the instance"):
        _ = Context(event=EVENT, gateway=HttpGateway(Client(), callback, b"cg1.a.b")).proxy


def test_time_that_remains_is_never_negative() -> None:
    assert Context(event=EVENT).remaining() is None
    assert Context(event=EVENT, deadline=1.0).remaining() == 0.0
