"""Messages that two readers could cut in two ways: none is taken, and what
hides in one is never answered."""

import asyncio

import msgspec
import pytest

from catnap.http import Request, Response
from tests.http.conftest import Serving

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n"
GET = b"GET /first HTTP/1.1\r\n"
HOST = b"host: a\r\n"
POST = b"POST /first HTTP/1.1\r\nhost: a\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"
END = b"\r\n0\r\n\r\n"

# Each is followed by a whole request, which must never be taken for one.
HEADS = {
    "both lengths": POST + b"content-length: 5\r\ntransfer-encoding: chunked\r\n" + END,
    "both, the other way": POST + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n" + END,
    "no host, upgrading": GET + b"connection: upgrade\r\nupgrade: x\r\n\r\n",
    "a host that is none, upgrading": GET
    + b"host: a b\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
    "both, upgrading": POST
    + b"connection: upgrade\r\nupgrade: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n"
    + END,
    **{
        f"transfer-encoding{rest!r}": POST + b"transfer-encoding" + rest + b"\r\n" + END
        for rest in (
            b":",
            b": identity",
            b": xchunked",
            b": chunkedx",
            b': "chunked"',
            b": 'chunked'",
            b": chunked;a=b",
            b": chunked, identity",
            b": identity, chunked",
            b": chunked, chunked",
            b": chunked,",
            b": ,chunked",
            b": gzip, chunked",
            b": chunked\r\ntransfer-encoding: chunked",
            b": chunked\r\ntransfer-encoding: identity",
            b": identity\r\nTransfer-Encoding: chunked",
            b": \x0bchunked",
            b": chunked\x0c",
            b": chunked\xa0",
            ": chun\u212aed".encode(),
            b":\r\n chunked",
            b": chunked\r\n , identity",
            b" : chunked",
            b"\t: chunked",
            b"\0: chunked",
            b": chunked\0",
            b": chunked\ncontent-length: 0",
            b": chunked\rcontent-length: 0",
        )
    },
    **{
        f"content-length{rest!r}": POST + b"content-length" + rest + b"\r\n\r\nx"
        for rest in (
            b":",
            b": +1",
            b": -1",
            b": -0",
            b": 1, 1",
            b": 1 1",
            b": 1;1",
            b": 1.0",
            b": 1e0",
            b": 0x1",
            b": 1_0",
            b": 1\r\ncontent-length: 1",
            b": 1\r\ncontent-length: 2",
            b": 1\r\nConTent-Length: 1",
            b": 18446744073709551616",
            b": 18446744073709551617",
            b": " + b"9" * 40,
            b": " + b"0" * 5000 + b"1",
            ": \u0661".encode(),
            b": \x0b1",
            b": 1\x0c",
            b":\r\n 1",
            b": 1\r\n 1",
            b" : 1",
            b"\t: 1",
            b": 1\n",
            b": 1\rx: y",
        )
    },
    **{
        f"a field {field!r}": GET + HOST + field + b"\r\n\r\n"
        for field in (
            b"x: a\r\n b",
            b"x: a\r\n\tb",
            b"x: a\rb",
            b"x: a\r",
            b"x: a\ny: b",
            b"x: a\0",
            b"x: \x01",
            b"x: \x7f",
            b"x\0: a",
            b"x\x01: a",
            b"x\x7f: a",
            b"x : a",
            b"x\t: a",
            b"x y: a",
            b"x(y): a",
            b'x"y: a',
            b"x\xe4: a",
            b": a",
            b"x",
            b"x\r\n: a",
        )
    },
    "a first field that is folded": GET + b" x: y\r\n" + HOST + b"\r\n",
    "line feeds alone": b"GET /first HTTP/1.1\nhost: a\n\n",
    "a line feed after the request line": b"GET /first HTTP/1.1\nhost: a\r\n\r\n",
    "a line feed at the end": GET + HOST + b"\n",
    "carriage returns alone": b"GET /first HTTP/1.1\rhost: a\r\r",
    "no host": GET + b"\r\n",
    "two hosts": GET + HOST + HOST + b"\r\n",
    **{
        f"the host {host!r}": GET + b"host: " + host + b"\r\n\r\n"
        for host in (
            b"a b",
            b"a, b",
            b"a/b",
            b"a?b",
            b"a#b",
            b"u@a",
            b"a\\b",
            b"a:b",
            b"a:1:2",
            b"::1",
            b"[::1",
            b"[::1]a",
            b"[::::]",
            b"[1::2::3]",
            b"[::256.0.0.1]",
            b"a:65536",
            b"a:000080",
            b"a:" + b"1" * 20,
            b"\xff",
            b"%zz",
        )
    },
    **{
        f"the target {target!r}": b"GET " + target + b" HTTP/1.1\r\nhost: a\r\n\r\n"
        for target in (
            b"first",
            b"*",
            b"a:80",
            b"?x",
            b"/first#x",
            b"/first\t",
            b"/first\x0c",
            b"/first\0",
            b"/first\x7f",
            b"/first\xff",
            b"/first\rx",
            *(b"/first%c" % character for character in b'"<>\\^`{|}'),
            *(b"/first?%c" % character for character in b'"<>'),
            b"http://b/first<",
            b"http://",
            b"http:///first",
            b"http://u@b/first",
            b"http://b:c/first",
            b"ftp://b/first",
        )
    },
    **{
        f"the request line {line!r}": line + b"\r\nhost: a\r\n\r\n"
        for line in (
            b"GET /first",
            b"GET /first HTTP/0.9",
            b"GET /first HTTP/1.2",
            b"GET /first HTTP/2.0",
            b"GET /first HTTP/1.10",
            b"GET /first HTTP/01.1",
            b"GET /first HTTP/1.",
            b"GET /first HTTP/1.1 ",
            b"GET /first HTTP/1.1 x",
            b"GET /first http/1.1",
            b"GET /first XTTP/1.1",
            b"GET /first HTTP/1.1\r",
            b"GET\t/first\tHTTP/1.1",
            b" GET /first HTTP/1.1",
            b"get /first HTTP/1.1",
            b"GeT /first HTTP/1.1",
            b"GETT /first HTTP/1.1",
            b"FIRST / HTTP/1.1",
            b"CONNECT a:80 HTTP/1.1",
        )
    },
    "chunks in HTTP/1.0": b"POST /first HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n"
    b"transfer-encoding: chunked\r\n" + END,
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}

CHUNKS = {
    **{
        f"the size {size!r}": CHUNKED + size + b"\r\nx" + END
        for size in (
            b"",
            b"0x1",
            b"1h",
            b"x",
            b"+1",
            b"-1",
            b" 1",
            b"1 ",
            b"1\t",
            b"1 ;a",
            b"1_0",
            b"1.0",
            b";a",
            b"1\0",
            b"10000000000000001",
            b"f" * 17,
            b"1;a\n",
            b"1;a\rb",
            b"1;a\x01",
            b"1;a\0",
            b'1;a="',
            b'1;a="\n"',
        )
    },
    "a size that ends in a line feed": CHUNKED + b"1\nx" + END,
    "a size that ends in a carriage return": CHUNKED + b"1\rx" + END,
    "data that ends in a line feed": CHUNKED + b"1\r\nx\n0\r\n\r\n",
    "data that does not end": CHUNKED + b"1\r\nx0\r\n\r\n",
    "data that is too long": CHUNKED + b"1\r\nxyz" + END,
    "an end of line feeds": CHUNKED + b"0\n\n",
    "an end that is half a line feed": CHUNKED + b"0\r\n\n",
    "an end that is not one": CHUNKED + b"0\r\n\rX",
    **{
        f"the trailer {field!r}": CHUNKED + b"0\r\n" + field + b"\r\n\r\n"
        for field in (
            b"content-length: 50",
            b"transfer-encoding: chunked",
            b"x : b",
            b"x: b\r\n c",
            b"x: b\n",
            b"x: \0",
            b" x: b",
        )
    },
}

# What is well-formed, if unusual: where it ends there is no doubt.
WHOLE = {
    "a tab before the coding": CHUNKED.replace(b": chunked", b":\tchunked") + b"1\r\nx" + END,
    "space after the coding": CHUNKED.replace(b": chunked", b": chunked  ") + b"1\r\nx" + END,
    "the coding in capitals": CHUNKED.replace(b": chunked", b": CHUNKED") + b"1\r\nx" + END,
    "space after the length": POST + b"content-length:  1 \t\r\n\r\nx",
    "a length with a leading zero": POST + b"content-length: 01\r\n\r\nx",
    "a size with leading zeros": CHUNKED + b"000000000000000000001\r\nx" + END,
    "an extension": CHUNKED + b'1;a=b;c="d e;f";g\r\nx' + END,
    "a request in the body": POST + b"content-length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
    "an end of chunks in the body": POST + b"content-length: 5\r\n\r\n0\r\n\r\n",
    "a coding's name misspelt": POST + b"transfer_encoding: chunked\r\ncontent-length: 1\r\n\r\nx",
    "a trailer": CHUNKED + b"1\r\nx\r\n0\r\nhost: b\r\nexpect: x\r\n\r\n",
    "a body where none is usual": GET + HOST + b"content-length: 1\r\n\r\nx",
    "another protocol wished for": POST
    + b"connection: upgrade\r\nupgrade: websocket\r\ncontent-length: 1\r\n\r\nx",
    "another protocol, in chunks": POST
    + b"connection: upgrade\r\nupgrade: websocket\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx"
    + END,
    "an empty line before it": b"\r\n" + GET + HOST + b"\r\n",
    "an address with a port": GET + b"host: [2001:db8::1]:65535\r\n\r\n",
    "a URL": b"GET HTTP://b/first HTTP/1.1\r\nhost: a\r\n\r\n",
}


async def reach(serving: Serving, raw: bytes, piece: int) -> list[int]:
    """The statuses of all answers on one connection, which the server must
    have closed. Problem documents must say the same."""
    wire = await serving.wire()
    for start in range(0, len(raw), piece):
        await wire.say(raw[start : start + piece])
        await asyncio.sleep(0)
    statuses = []
    while not wire.reader.at_eof():
        status, headers, body = await asyncio.wait_for(wire.hear(), 5)
        if status >= 400:
            assert msgspec.json.decode(body)["status"] == status
            assert headers[b"connection"] == b"close"
        statuses.append(status)
    return statuses


@pytest.fixture
def reached() -> list[str]:
    """The targets whose requests a handler got whole."""
    return []


@pytest.fixture
async def spied(serve, reached) -> Serving:
    async def handler(request: Request) -> Response:
        await request.body.read()
        reached.append(request.target)
        return Response.text("taken")

    return await serve(handler, idle=0.5, stall=5, head=5)


@pytest.mark.parametrize("piece", [1 << 20, 1], ids=["whole", "bytes"])
@pytest.mark.parametrize("raw", [pytest.param(raw, id=name) for name, raw in HEADS.items()])
async def test_a_head_in_doubt_is_refused_with_all_that_follows(spied, reached, raw, piece):
    assert await reach(spied, raw + SMUGGLED, piece) == [400]
    assert reached == []


@pytest.mark.parametrize("piece", [1 << 20, 1], ids=["whole", "bytes"])
@pytest.mark.parametrize("raw", [pytest.param(raw, id=name) for name, raw in CHUNKS.items()])
async def test_chunks_in_doubt_are_refused_with_all_that_follows(spied, reached, raw, piece):
    assert await reach(spied, raw + SMUGGLED, piece) == [400]
    assert reached == []


@pytest.mark.parametrize("piece", [1 << 20, 1], ids=["whole", "bytes"])
@pytest.mark.parametrize("raw", [pytest.param(raw, id=name) for name, raw in WHOLE.items()])
async def test_what_is_only_unusual_ends_where_it_says(spied, reached, raw, piece):
    last = b"GET /last HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
    assert await reach(spied, raw + last, piece) == [200, 200]
    assert reached == ["/first", "/last"]


async def test_a_length_beyond_all_is_too_large_and_nothing_after_it_is_read(spied, reached):
    for length in (2**63, 2**64 - 1):
        raw = POST + b"content-length: %d\r\n\r\n" % length + SMUGGLED
        assert await reach(spied, raw, 1 << 20) == [413]
    assert reached == []


async def test_of_two_hosts_that_of_the_url_counts(serve):
    async def handler(request: Request) -> Response:
        return Response(200, [], request.headers[b"host"] + b" " + request.target.encode())

    wire = await (await serve(handler)).wire()
    for target, meant in (
        (b"http://b", b"b /"),
        (b"http://b/c?d=e", b"b /c?d=e"),
        (b"HTTPS://b:1?d=e/f", b"b:1 /?d=e/f"),
        (b"/c", b"a /c"),
    ):
        await wire.say(b"GET " + target + b" HTTP/1.1\r\nhost: a\r\n\r\n")
        assert (await wire.hear())[2] == meant
