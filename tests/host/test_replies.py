"""CloudEvents in and out."""

import sys

import pytest

from catnap.events import decode, to_binary, to_structured
from catnap.events.event import Event

REPLY = """
    from catnap import Context, Event, skill

    @skill
    async def reply(ctx: Context, request: int) -> Event:
        return ctx.reply("test.reply", request + 1)
"""
PLAIN = """
    from catnap import Context, skill

    @skill
    def plain(ctx: Context, request: int) -> int:
        return request + 1
"""
EVENT = Event(
    id="1", source="/tests", type="test", datacontenttype="application/json", data=b"41"
).extended(taskid="t1")
WISH = (b"prefer", b"respond-async;x=1, Reply")


async def send(running, message, *headers):
    fields, body = message
    reply = await running.send("POST", "/", [*fields, *headers], body)
    return reply, await reply.read()


@pytest.mark.parametrize("write", [to_binary, to_structured])
async def test_a_skill_that_gives_an_event_answers_with_a_binary_one(instance, write):
    reply, body = await send(await instance(REPLY), write(EVENT))
    event = decode(reply.headers, body)
    assert reply.status == 200
    assert (event.id, event.source, event.type) == ("t1", "/tasks/t1", "test.reply")
    assert (event.datacontenttype, event.data) == ("application/json", b"42")


async def test_an_event_that_came_can_be_sent_back_as_it_is(instance):
    code = PLAIN.replace("request + 1", "ctx.event").replace("-> int", "")
    event = EVENT.extended(lane='a "quoted" é')
    reply, body = await send(await instance(code), to_binary(event))
    assert decode(reply.headers, body) == event


async def test_an_event_that_breaks_a_rule_is_the_skill_s_fault(instance):
    code = REPLY.replace('"test.reply"', '""')
    reply, body = await send(await instance(code), to_binary(EVENT))
    assert reply.status == 500
    assert b"attribute 'type'" in body


async def test_a_broker_that_wants_replies_gets_events_only(instance):
    reply, body = await send(await instance(REPLY), to_binary(EVENT), WISH)
    assert (reply.status, body) == (200, b"42")


async def test_a_broker_that_wants_replies_gets_nothing_else(instance):
    running = await instance(PLAIN)
    reply, body = await send(running, to_binary(EVENT))
    assert (reply.status, body) == (200, b"42")
    reply, body = await send(running, to_binary(EVENT), WISH)
    assert (reply.status, body) == (202, b"")


async def test_a_stream_that_a_broker_must_not_have_is_made_all_the_same(instance):
    code = """
        from catnap import Context, skill

        made = []

        @skill
        async def count(ctx: Context, request: int):
            for number in range(request):
                made.append(number)
                yield number
    """
    reply, body = await send(await instance(code), to_binary(EVENT), WISH)
    assert (reply.status, body) == (202, b"")
    assert sys.modules["main"].made == list(range(41))


async def test_who_sends_no_event_gets_the_answer_whatever_it_prefers(instance):
    plain = ([(b"content-type", b"application/json")], b"41")
    reply, body = await send(await instance(PLAIN), plain, WISH)
    assert (reply.status, body) == (200, b"42")
