"""What a parser remembers of a request never gets into the next."""

from itertools import product

import pytest

from catnap.http import Request
from catnap.http.limits import DEFAULT
from catnap.http.request_parser import RequestParser

Read = tuple[str, str, dict[bytes, bytes], bool, bytes]

MESSAGES = [
    b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
    b"\r\nGET / HTTP/1.1\r\nHOST: b\r\n\r\n",
    b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n",
    b"GET /?a HTTP/1.1\r\nHost: a \t\r\nx: 1\r\nX: 2\r\n\r\n",
    b"GET http://c/ HTTP/1.1\r\nhost: a\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n",
    b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
    b"1\r\nx\r\n0\r\nhost: t\r\n\r\n",
]


async def read(*pieces: bytes) -> list[Read]:
    requests: list[Request] = []
    parser = RequestParser(
        DEFAULT,
        lambda: 0.0,
        on_request=requests.append,
        on_drain=lambda: None,
        on_wait=lambda: None,
    )
    for piece in pieces:
        parser.feed(piece)
    return [(r.method, r.target, r.headers, r.old, await r.body.read()) for r in requests]


@pytest.mark.parametrize(("first", "second"), [*product(MESSAGES, repeat=2)])
async def test_each_request_is_read_as_if_it_came_alone(first, second):
    alone = [
        *await read(first),
        *await read(first),
        *await read(second),
        *await read(first),
    ]
    said = (first, first, second, first)
    whole = b"".join(said)
    assert await read(*said) == await read(whole) == alone
    for at in range(1, len(first)):
        assert (await read(first, whole[:at], whole[at:]))[1:] == alone
