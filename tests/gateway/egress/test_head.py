"""A CONNECT request is read one way, or not at all."""

from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catnap.errors import CatnapError, InvalidRequest
from catnap.gateway.egress.head import Connect, find_end, parse_head
from catnap.http.errors import HeadersTooLarge, MethodNotAllowed, ProxyAuthenticationRequired
from catnap.skills.hosts import Place

BASIC = base64.b64encode(b"anybody:cg1.a-b_c.d").decode()


def request(*lines: str, target: str = "a.example:443", version: str = "1.1") -> bytes:
    return "\r\n".join([f"CONNECT {target} HTTP/{version}", *lines, "", ""]).encode("latin-1")


@pytest.mark.parametrize(
    "lines",
    [
        (f"Proxy-Authorization: Basic {BASIC}",),
        (f"proxy-authorization:basic   {BASIC}  ",),
        ("Proxy-Authorization: Bearer cg1.a-b_c.d",),
        ("Host: a.example:443", "PROXY-AUTHORIZATION: BEARER cg1.a-b_c.d", "X-Empty:", "X: \xe9"),
        ("Host: other.example:80", "Proxy-Authorization: Bearer cg1.a-b_c.d", "Content-Length: 9"),
    ],
)
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_the_target_and_the_grant_are_read(lines: tuple[str, ...], version: str) -> None:
    assert parse_head(request(*lines, version=version)) == Connect(
        Place("a.example"), "cg1.a-b_c.d"
    )


@pytest.mark.parametrize(
    "credential",
    [
        *("", "Basic", "Bearer", "Bearer  ", "Digest cg1.x", "Basic !!!!", "Basic Y2c="),
        *("Basic " + base64.b64encode(each).decode() for each in (b"", b":", b"user:", b"u:\xff")),
        BASIC,
    ],
)
def test_without_a_grant_the_answer_asks_for_one(credential: str) -> None:
    with pytest.raises(ProxyAuthenticationRequired) as caught:
        parse_head(request(f"Proxy-Authorization: {credential}"))
    assert {name for name, _ in caught.value.headers} == {b"proxy-authenticate"}


def test_an_ordinary_authorization_is_for_the_host_and_not_for_the_proxy() -> None:
    with pytest.raises(ProxyAuthenticationRequired, match=r"ctx\.proxy"):
        parse_head(request("Authorization: Bearer cg1.a-b_c.d"))


@pytest.mark.parametrize("method", ["GET", "POST", "connect", "OPTIONS", "TRACE", "PRI"])
def test_other_methods_are_told_why(method: str) -> None:
    with pytest.raises(MethodNotAllowed, match=r"only takes CONNECT.*ask for https://") as caught:
        parse_head(f"{method} http://a.example/ HTTP/1.1\r\n\r\n".encode())
    assert caught.value.headers == ((b"allow", b"CONNECT"),)


AUTHORIZED = "Proxy-Authorization: Bearer cg1.a.b"


@pytest.mark.parametrize(
    "raw",
    [
        b"CONNECT a.example:443 HTTP/1.1\n\n\r\n\r\n",
        b"CONNECT a.example:443\nX: y HTTP/1.1\r\n\r\n",
        b"CONNECT a.example:443\rX: y HTTP/1.1\r\n\r\n",
        b"CONNECT a.example:443 HTTP/2.0\r\n\r\n",
        b"CONNECT a.example:443 HTTP/1.1 \r\n\r\n",
        b"CONNECT  a.example:443 HTTP/1.1\r\n\r\n",
        b"CONNECT a.example:443\tHTTP/1.1\r\n\r\n",
        b"CONNECT a.example:443 b.example:443 HTTP/1.1\r\n\r\n",
        b"CONNECT a.example:443\0.b.example:443 HTTP/1.1\r\n\r\n",
        b"CONNECT a.ex\xc3\xa4mple:443 HTTP/1.1\r\n\r\n",
        b"CONNECT a.example:443\r\n\r\n",
        b"\r\n\r\n",
        b"\x16\x03\x01\x02\r\n\r\n",
    ],
)
def test_a_request_line_has_one_form(raw: bytes) -> None:
    with pytest.raises(InvalidRequest, match="request line"):
        parse_head(raw)


@pytest.mark.parametrize(
    "line",
    [
        *("X : y", " X: y", "\tfolded", "X", ": y", "X\0: y", "X: a\nY: b", "X: a\rY: b"),
        *("X: a\0b", "X: a\x7fb", "X y: z", "\xc3X: y", "X[]: y"),
    ],
)
def test_a_header_has_one_form(line: str) -> None:
    with pytest.raises(InvalidRequest, match="not a header"):
        parse_head(request(AUTHORIZED, line))


def test_two_credentials_are_one_too_many() -> None:
    with pytest.raises(InvalidRequest, match="twice"):
        parse_head(request(AUTHORIZED, "proxy-authorization: Bearer cg1.c.d"))


@pytest.mark.parametrize(
    "target",
    [
        *("a.example", "http://a.example/", "https://a.example:443", "/", "*", "a.example:443/x"),
        *("user@a.example:443", "a.example@b.example:443", "a.example:443@b.example:443"),
        *("a.example:443#", "a.example:443?b", "a.example:0", "a.example:99999", ":443"),
        *(
            "a.example:443,b.example:443",
            "%61.example:443",
            "::1:443",
            "0x7f000001:443",
            "127.1:80",
        ),
    ],
)
def test_a_target_is_a_host_and_a_port(target: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_head(request(AUTHORIZED, target=target))


def test_more_headers_than_anybody_needs_are_refused() -> None:
    parse_head(request(AUTHORIZED, *["X: y"] * 99))
    with pytest.raises(HeadersTooLarge):
        parse_head(request(AUTHORIZED, *["X: y"] * 100))


def test_the_end_of_a_head_is_found_however_it_arrives() -> None:
    whole = request(AUTHORIZED) + b"tunnelled"
    end = len(whole) - len("tunnelled")
    found = [find_end(whole[:size], 1000) for size in range(len(whole) + 1)]
    assert found == [0] * end + [end] * (len(whole) + 1 - end)


def test_a_head_without_an_end_is_refused_at_its_limit() -> None:
    assert find_end(b"A" * 1000, 1000) == 0
    for data in (b"A" * 1001, b"A" * 1000 + b"\r\n\r\n"):
        with pytest.raises(HeadersTooLarge):
            find_end(data, 1000)


@pytest.mark.parametrize("first", [b"\x16\x03\x01", b"\x05\x01\x00", b"\r\n", b" ", b"\0", b"\xff"])
def test_what_is_no_http_is_refused_at_its_first_byte(first: bytes) -> None:
    with pytest.raises(InvalidRequest, match="begins with http://"):
        find_end(first, 1000)


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_are_anything_but_a_request_or_an_error(data: bytes, framed: bool) -> None:
    with contextlib.suppress(CatnapError):
        if framed:
            parse_head(b"CONNECT " + data + b"\r\n\r\n")
        else:
            find_end(data, 100)
            parse_head(data)
