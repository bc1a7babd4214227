"""What reaches a skill, and what does not."""

import msgspec
import pytest

from .conftest import EVENT, JSON

ECHO = """
    from typing import Any
    from catnap import Context, skill

    @skill
    async def echo(ctx: Context, request: Any) -> Any:
        return request
"""

TYPED = """
    import msgspec
    from catnap import Context, skill

    class Item(msgspec.Struct):
        count: int

    class Order(msgspec.Struct):
        items: list[Item]

    @skill
    async def total(ctx: Context, request: Order) -> int:
        return sum(item.count for item in request.items)
"""

WHO = """
    from typing import Any
    from catnap import Context, skill

    @skill
    def who(ctx: Context) -> dict[str, Any]:
        names = ("tenant", "user", "session", "task", "parent", "traceparent", "deadline")
        return {name: getattr(ctx, name) for name in names} | {
            "id": ctx.event.id, "type": ctx.event.type, "source": ctx.event.source
        }
"""


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([*EVENT, *JSON], b'{"a": [1, "\xc3\xa9"]}'),
        (EVENT, b'{"a": [1, "\xc3\xa9"]}'),
        (
            [(b"content-type", b"application/cloudevents+json")],
            b'{"specversion":"1.0","id":"1","source":"/","type":"t","data":{"a": [1, "\xc3\xa9"]}}',
        ),
        (JSON, b'{"a": [1, "\xc3\xa9"]}'),
        ([], b'{"a": [1, "\xc3\xa9"]}'),
        (
            [(b"content-type", b"application/problem+json; charset=utf-8")],
            b'{"a": [1, "\xc3\xa9"]}',
        ),
    ],
)
async def test_an_event_in_either_mode_and_plain_json_reach_the_skill_alike(
    instance, headers, body
):
    running = await instance(ECHO)
    reply = await running.send("POST", "/any/path", headers, body)
    assert reply.status == 200
    assert reply.headers[b"content-type"] == b"application/json"
    assert msgspec.json.decode(await reply.read()) == {"a": [1, "é"]}


async def test_an_empty_body_is_null(instance):
    running = await instance(ECHO)
    reply = await running.send("POST", "/", EVENT, b"")
    assert await reply.read() == b"null"


async def test_a_wrong_field_is_named_with_its_path(instance):
    running = await instance(TYPED)
    assert await running.post({"items": [{"count": 2}, {"count": 3}]}) == (200, 5)
    status, problem = await running.post({"items": [{"count": 2}, {"count": "3"}]})
    assert status == 400
    assert problem["type"] == "urn:catnap:error:InvalidRequest"
    assert "at 'items[1].count': Expected `int`, got `str`" in problem["detail"]


@pytest.mark.parametrize(
    ("headers", "body", "status", "names"),
    [
        (JSON, b"{", 400, "not JSON"),
        (JSON, b'{"items": [{"count": "\xff"}]}', 400, ""),
        ([(b"content-type", b"text/plain")], b"{}", 415, "application/json"),
        ([(b"content-type", b"application/x-www-form-urlencoded")], b"a=1", 400, "not JSON"),
        ([(b"content-type", b"application/json; charset=latin-1")], b"{}", 415, "latin-1"),
        (
            [(b"content-type", b'x/y+json;a="charset=utf-8"; charset=latin-1')],
            b"{}",
            415,
            "latin-1",
        ),
        (EVENT[1:], b"{}", 400, "'specversion': is missing"),
        ([EVENT[0], *EVENT[2:]], b"{}", 400, "'id': is missing"),
        ([*EVENT, (b"ce-time", b"noon")], b"{}", 400, "'time': 'noon' is not"),
        ([*EVENT, (b"ce-deadline", b"soon")], b"{}", 400, "'deadline': 'soon' is not"),
        ([*EVENT, (b"ce-deadline", b"2030-01-01T00:00:00")], b"{}", 400, "'deadline'"),
        ([*EVENT, (b"ce-deadline", b"2026-W01-1T00:00Z")], b"{}", 400, "'deadline'"),
        ([*EVENT, (b"ce-deadline", b"2016-12-31t23:59:60z")], b"{}", 504, "had passed"),
        ([*JSON, (b"catnap-timeout", b"soon")], b"{}", 400, "'catnap-timeout': 'soon'"),
        ([(b"content-type", b"application/cloudevents-batch+json")], b"[]", 400, "batch"),
        ([(b"content-type", b"application/cloudevents+json")], b"{}", 400, "'specversion'"),
        ([*EVENT, (b"ce-deadline", b"2020-01-01T00:00:00Z")], b"{}", 504, "had passed"),
    ],
)
async def test_what_cannot_be_a_call_is_refused_with_its_reason(
    instance, headers, body, status, names
):
    running = await instance(TYPED)
    reply = await running.send("POST", "/", headers, body)
    problem = msgspec.json.decode(await reply.read())
    assert reply.status == problem["status"] == status
    assert reply.headers[b"content-type"] == b"application/problem+json"
    assert names in problem["detail"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
async def test_other_methods_are_told_which_one_is_taken(instance, method):
    reply = await (await instance(ECHO)).send(method, "/", [], b"")
    assert (reply.status, reply.headers[b"allow"]) == (405, b"POST")


async def test_the_context_knows_whom_the_call_is_for(instance):
    running = await instance(WHO)
    extensions = {
        b"ce-tenantid": b"acme",
        b"ce-userid": b"eve",
        b"ce-sessionid": b"s1",
        b"ce-taskid": b"t1",
        b"ce-parenttaskid": b"t0",
        b"ce-traceparent": b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        b"ce-deadline": b"2100-01-01T00:00:00.5Z",
    }
    reply = await running.send("POST", "/", [*EVENT, *extensions.items()], b"")
    seen = msgspec.json.decode(await reply.read())
    deadline = seen.pop("deadline")
    assert seen == {
        "tenant": "acme",
        "user": "eve",
        "session": "s1",
        "task": "t1",
        "parent": "t0",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "id": "1",
        "type": "test",
        "source": "/tests",
    }
    assert deadline < 4_102_444_800, "never later than the manifest's own timeout"


async def test_a_plain_call_is_an_event_of_its_own(instance):
    running = await instance(WHO)
    first, second = (await running.post())[1], (await running.post())[1]
    assert (first["type"], first["source"]) == ("catnap.skill.call", "/skills/tested")
    assert first["id"] != second["id"]
    assert first["user"] == ""


async def test_bytes_are_passed_as_they_are(instance):
    running = await instance(
        """
        from catnap import Context, skill

        @skill
        def reverse(ctx: Context, request: bytes) -> bytes:
            return request[::-1]
        """
    )
    reply = await running.send("POST", "/", [(b"content-type", b"image/png")], b"\x00\x01\xff")
    assert reply.headers[b"content-type"] == b"application/octet-stream"
    assert await reply.read() == b"\xff\x01\x00"


async def test_a_body_over_100_mb_is_refused(instance):
    running = await instance(ECHO)
    reply = await running.send("POST", "/", JSON, bytes(100_000_001))
    assert reply.status == 413
    assert b"the limit is 100,000,000" in await reply.read()


async def test_the_answer_says_where_the_time_went_and_the_first_what_the_start_cost(instance):
    running = await instance(ECHO, timings={"import": 12.5, "init": 1.25})
    first = await running.send("POST", "/", JSON, b"1")
    second = await running.send("POST", "/", JSON, b"1")
    assert b"import;dur=12.500, init;dur=1.250, handle;dur=" in first.headers[b"server-timing"]
    assert b"handle;dur=" in second.headers[b"server-timing"]
    assert b"import" not in second.headers[b"server-timing"]


async def test_every_answer_names_its_instance_the_bad_ones_too(instance):
    running = await instance(ECHO, instance="echo-00001-x")
    for method, body in (("POST", b"1"), ("POST", b"{"), ("GET", b"")):
        reply = await running.send(method, "/", JSON, body)
        await reply.read()
        assert reply.headers[b"catnap-instance"] == b"echo-00001-x"


async def test_a_call_that_knatives_activator_held_is_told_since_when_it_is_ready(instance):
    running = await instance(ECHO)
    running.app.ready = b"1763716800.123456;import=12.300;init=1.200"
    held = await running.send("POST", "/", [*JSON, (b"k-proxy-request", b"activator")], b"1")
    other = await running.send("POST", "/", JSON, b"1")
    assert held.headers[b"catnap-ready"] == running.app.ready
    assert b"catnap-ready" not in other.headers
