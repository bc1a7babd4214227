"""How answers leave: framing, streams, and clients that go."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import formatdate, parsedate_to_datetime
from unittest.mock import ANY

import pytest

from catnap.errors import NotFound, Unavailable
from catnap.http import Request, Response
from catnap.http.date import write_date
from catnap.http.errors import MethodNotAllowed
from catnap.http.framing import frame

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


class Parts:
    """A body in parts that knows whether it was closed."""

    def __init__(self, parts, error=None):
        self.parts, self.error = list(parts), error
        self.closed = asyncio.Event()

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self.parts:
            return self.parts.pop(0)
        if self.error:
            raise self.error
        raise StopAsyncIteration

    async def aclose(self):
        self.closed.set()


async def test_an_iterator_is_sent_chunked_and_closed(serve):
    parts = Parts([b"a", b"", b"bc" * 5000])

    async def handler(request: Request) -> Response:
        return Response(200, [], parts)

    wire = await (await serve(handler)).wire()
    await wire.say(GET + GET)
    _, headers, body = await wire.hear()
    assert headers[b"transfer-encoding"] == b"chunked"
    assert body == b"a" + b"bc" * 5000
    assert parts.closed.is_set()
    assert (await wire.hear())[2] == b""


async def test_an_iterator_of_known_length_is_sent_as_it_is(serve):
    async def handler(request: Request) -> Response:
        return Response(200, [(b"content-length", b"3")], Parts([b"a", b"bc"]))

    wire = await (await serve(handler)).wire()
    await wire.say(GET)
    _, headers, body = await wire.hear()
    assert (headers, body) == ({b"content-length": b"3", b"date": ANY}, b"abc")


@pytest.mark.parametrize("parts", [[b"a"], [b"abcd"]])
async def test_a_length_that_is_not_kept_breaks_the_answer_off(serve, parts, caplog):
    async def handler(request: Request) -> Response:
        return Response(200, [(b"content-length", b"3")], Parts(parts))

    wire = await (await serve(handler)).wire()
    await wire.say(GET)
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await wire.hear()
    assert "content-length" in caplog.text


async def test_an_error_in_mid_stream_breaks_the_answer_off(serve, caplog):
    async def handler(request: Request) -> Response:
        return Response(200, [], Parts([b"a"], ValueError("no more")))

    wire = await (await serve(handler)).wire()
    await wire.say(GET)
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await wire.hear()
    assert "no more" in caplog.text


@pytest.mark.parametrize("status", [204, 304])
async def test_answers_that_have_no_body_send_none(serve, status):
    parts = Parts([b"never"])

    async def handler(request: Request) -> Response:
        return Response(status, [], parts if request.path == "/parts" else b"never")

    wire = await (await serve(handler)).wire()
    await wire.say(GET + b"GET /parts HTTP/1.1\r\nhost: a\r\n\r\n" + GET)
    for _ in range(3):
        got, headers, _ = await wire.hear()
        assert got == status
        assert b"transfer-encoding" not in headers
        assert status == 304 or b"content-length" not in headers
    assert parts.closed.is_set()


async def test_head_gets_the_headers_of_the_get(serve):
    async def handler(request: Request) -> Response:
        if request.path == "/parts":
            return Response(200, [(b"content-length", b"5")], Parts([b"never"]))
        return Response.text("hello")

    wire = await (await serve(handler)).wire()
    await wire.say(
        b"HEAD / HTTP/1.1\r\nhost: a\r\n\r\nHEAD /parts HTTP/1.1\r\nhost: a\r\n\r\n" + GET
    )
    assert (await wire.hear("HEAD"))[1][b"content-length"] == b"5"
    assert (await wire.hear("HEAD"))[1][b"content-length"] == b"5"
    assert (await wire.hear())[2] == b"hello"


@pytest.mark.parametrize(
    "field",
    [
        (b"x", b"a\r\nset-cookie: b"),
        (b"x", b"a\nb"),
        (b"x", b"a\rb"),
        (b"x", b"a\0b"),
        (b"x\r\ny", b"a"),
        (b"content-length", b"many"),
    ],
)
async def test_a_header_that_would_split_the_answer_is_an_error_of_ours(serve, field, caplog):
    parts = Parts([b"never"])

    async def handler(request: Request) -> Response:
        return Response(200, [field], parts)

    wire = await (await serve(handler)).wire()
    await wire.say(GET)
    status, headers, _ = await wire.hear()
    assert (status, b"set-cookie" in headers) == (500, False)
    assert parts.closed.is_set()
    assert "cannot be sent" in caplog.text


def test_framing_headers_of_a_handler_do_not_reach_the_wire():
    given = [(b"Content-Length", b"99"), (b"transfer-encoding", b"chunked"), (b"connection", b"x")]
    head = frame(Response(200, given, b"abc")).head
    assert head == b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n"


async def test_every_answer_has_one_date_and_its_own_where_it_has_one(serve):
    async def handler(request: Request) -> Response:
        own = [(b"date", b"mine")] if request.path == "/own" else []
        return Response(200, own, Parts([b"a"]) if request.path == "/parts" else b"")

    wire = await (await serve(handler)).wire()
    for path in (b"/", b"/parts", b"/own", b"<"):
        await wire.say(b"GET " + path + b" HTTP/1.1\r\nhost: a\r\n\r\n")
        _, headers, _ = await wire.hear()
        if path == b"/own":
            assert headers[b"date"] == b"mine"
        else:
            said = parsedate_to_datetime(headers[b"date"].decode())
            assert abs(said - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize("now", [0, 784111777, 1709251199.9, 4102444800])
def test_a_date_is_written_as_http_has_it(now):
    assert write_date(now).decode() == f"date: {formatdate(now // 1, usegmt=True)}\r\n"


async def test_errors_of_the_tree_are_answered_as_problems(serve):
    errors = {
        "/404": NotFound("no such thing"),
        "/503": Unavailable("later", retry_after=0.2),
        "/405": MethodNotAllowed("send POST", ("POST", "PUT")),
    }

    async def handler(request: Request) -> Response:
        raise errors[request.path]

    wire = await (await serve(handler)).wire()
    await wire.say(b"".join(b"GET %b HTTP/1.1\r\nhost: a\r\n\r\n" % p.encode() for p in errors))
    answers = [await wire.hear() for _ in errors]
    assert [status for status, _, _ in answers] == [404, 503, 405]
    assert b"no such thing" in answers[0][2]
    assert answers[1][1][b"retry-after"] == b"1"
    assert answers[2][1][b"allow"] == b"POST, PUT"


async def test_any_other_exception_is_a_500_that_tells_nothing(serve, caplog):
    async def handler(request: Request) -> Response:
        raise ValueError("secret")

    wire = await (await serve(handler)).wire()
    await wire.say(GET)
    status, _, body = await wire.hear()
    assert (status, b"secret" in body, "secret" in caplog.text) == (500, False, True)


async def test_a_client_that_leaves_cancels_the_handler(serve):
    cancelled, begun = asyncio.Event(), asyncio.Event()

    async def handler(request: Request) -> Response:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    wire = await (await serve(handler)).wire()
    await wire.say(GET)
    await begun.wait()
    wire.close()
    await asyncio.wait_for(cancelled.wait(), 5)


async def test_a_client_that_leaves_a_stream_closes_it(serve):
    parts = Parts([bytes(100_000)] * 1000)

    async def handler(request: Request) -> Response:
        return Response(200, [], parts)

    wire = await (await serve(handler)).wire()
    await wire.say(GET)
    await wire.reader.readexactly(1000)
    wire.writer.transport.abort()
    await asyncio.wait_for(parts.closed.wait(), 5)
    assert parts.parts


async def test_nothing_is_said_to_a_client_that_left_where_the_handler_goes_on(serve):
    parts, begun = Parts([b"never"]), asyncio.Event()

    async def handler(request: Request) -> Response:
        begun.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return Response(200, [], parts)

    wire = await (await serve(handler)).wire()
    await wire.say(GET)
    await begun.wait()
    wire.writer.transport.abort()
    await asyncio.wait_for(parts.closed.wait(), 5)
    assert parts.parts


async def test_nothing_is_said_to_a_client_that_left_where_the_body_goes_on(serve):
    went_on = []

    async def parts():
        try:
            yield b"first"
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            for n in range(3):
                went_on.append(n)
                yield b"more"
        finally:
            closed.set()

    async def handler(request: Request) -> Response:
        return Response(200, [], parts())

    closed = asyncio.Event()
    wire = await (await serve(handler)).wire()
    await wire.say(GET)
    await wire.reader.readuntil(b"first")
    wire.writer.transport.abort()
    await asyncio.wait_for(closed.wait(), 5)
    assert went_on == [0]


async def test_a_client_that_does_not_read_holds_the_stream_back_and_is_then_let_go(serve):
    parts = Parts([bytes(100_000)] * 1000)

    async def handler(request: Request) -> Response:
        return Response(200, [], parts)

    serving = await serve(handler, stall=0.05)
    wire = await serving.wire()
    wire.writer.transport.pause_reading()
    await wire.say(GET)
    await asyncio.wait_for(parts.closed.wait(), 5)
    assert len(parts.parts) > 500


async def test_a_handler_that_does_not_read_holds_the_client_back(serve):
    gate, most = asyncio.Event(), 0

    async def handler(request: Request) -> Response:
        nonlocal most
        await gate.wait()
        async for _ in request.body:
            most = max(most, request.body.buffered)
        return Response.text("done")

    wire = await (await serve(handler)).wire()
    total = 40_000_000
    sending = asyncio.create_task(
        wire.say(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % total + bytes(total))
    )
    await asyncio.wait([sending], timeout=0.05)
    assert not sending.done()
    gate.set()
    assert (await wire.hear())[2] == b"done"
    await sending
    assert most < 1_000_000


async def test_an_answer_that_is_long_in_coming_says_so_meanwhile(serve):
    async def parts():
        yield b"first"
        await heard.wait()
        yield b"last"

    async def handler(request):
        return Response(200, [], parts(), idle=b":\n\n")

    heard = asyncio.Event()
    wire = await (await serve(handler, silence=0.02)).wire()
    await wire.say(GET)
    await wire.reader.readuntil(b"first\r\n")
    assert await wire.reader.readexactly(8) == b"3\r\n:\n\n\r\n"
    heard.set()
    assert (await wire.reader.readuntil(b"0\r\n\r\n")).endswith(b"4\r\nlast\r\n0\r\n\r\n")
