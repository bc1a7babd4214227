"""What a skill gives back, as it goes over the wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from catnap import Context, Event, skill
from catnap.events import decode
from catnap.http.fields import read_fields
from catnap.skills.answer import encode
from catnap.skills.testing import FakeGateway, call


@dataclass
class Point:
    x: int


@pytest.mark.parametrize(
    ("answer", "content_type", "body"),
    [
        (b"\xff", b"application/octet-stream", b"\xff"),
        (memoryview(b"ab"), b"application/octet-stream", b"ab"),
        (Point(1), b"application/json", b'{"x":1}'),
        (None, b"application/json", b"null"),
    ],
)
def test_bytes_are_answered_as_they_are_and_the_rest_as_json(
    answer: Any, content_type: bytes, body: bytes
) -> None:
    assert encode(answer) == (b"content-type: %b\r\n" % content_type, body)


def test_an_event_is_answered_as_an_event() -> None:
    event = Event(id="1", source="/a", type="b", extensions={"lane": "é"}, data=b"\x00")
    lines, body = encode(event)
    assert decode(dict(read_fields(lines)), body) == event


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"source": ""}, "'source'"),
        ({"type": "a\r\nb"}, "'type'"),
        ({"datacontenttype": "json"}, "'datacontenttype'"),
        ({"time": "today"}, "'time'"),
        ({"extensions": {"Not-A-Name": "1"}}, "Not-A-Name"),
    ],
)
def test_an_event_that_breaks_a_rule_is_not_sent(wrong: dict[str, Any], message: str) -> None:
    event = Event(**{"id": "1", "source": "/a", "type": "b", **wrong})
    with pytest.raises(ValueError, match=message):
        encode(event)


async def test_a_reply_is_named_after_its_task() -> None:
    @skill
    async def measure(ctx: Context) -> Event:
        return ctx.reply("com.example.measured", {"x": 1}, subject="room 1")

    first, again = await call(measure, task="t1"), await call(measure, task="t1")
    assert first == again
    assert (first.id, first.source) == ("t1", "/tasks/t1")
    assert (first.type, first.subject) == ("com.example.measured", "room 1")
    assert (first.datacontenttype, first.data) == ("application/json", b'{"x":1}')


async def test_who_calls_a_skill_that_replies_gets_the_data() -> None:
    @skill
    async def measure(ctx: Context) -> Event:
        return ctx.reply("com.example.measured", {"x": 1})

    @skill
    async def asks(ctx: Context) -> Any:
        return await ctx.call("measure")

    assert await call(asks, gateway=FakeGateway(skills={"measure": measure})) == {"x": 1}


async def test_a_reply_outside_of_a_task_has_an_id_of_its_own() -> None:
    @skill
    async def measure(ctx: Context) -> Event:
        return ctx.reply("com.example.measured")

    assert (await call(measure, task="")).id != (await call(measure, task="")).id
