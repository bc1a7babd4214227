"""What PEP 3333 promises an application, and what it asks of one."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from catnap.host.wsgi import AT_ONCE, Exchange
from catnap.host.wsgi_environ import environ
from catnap.http import Request


def exchange(application: Any, target: str = "/") -> Exchange:
    return Exchange(application, Request("GET", target, {}), b"")


def parts(one: Exchange) -> list[bytes]:
    found = []
    one.begin()
    while one.more:
        found.append(one.part)
        one.next()
    return found + [one.part] * bool(one.part)


class Body:
    """Parts that tell when they were closed."""

    def __init__(self, *given: bytes) -> None:
        self.given = iter(given)
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self.given)

    def close(self) -> None:
        self.closed += 1


def test_what_is_written_comes_before_what_is_given_back() -> None:
    def application(environ, start):
        write = start("200 OK", [])
        write(b"a")
        write(b"b")
        return Body(b"", b"c", b"", b"d")

    assert parts(exchange(application)) == [b"a", b"b", b"c", b"d"]


def test_a_generator_may_begin_its_answer_with_its_first_part() -> None:
    def application(environ, start):
        start("201 Created", [("X-A", "1"), ("X-A", "2")])(b"written ")
        yield b"yielded"

    one = exchange(application)
    assert parts(one) == [b"written yielded"]
    assert (one.status, one.headers) == (201, [(b"x-a", b"1"), (b"x-a", b"2")])


@pytest.mark.parametrize(("length", "whole"), [(AT_ONCE, True), (AT_ONCE + 1, False)])
def test_a_short_body_of_known_length_is_read_at_once(length: int, whole: bool) -> None:
    body = Body(b"x" * (length - 1), b"x")

    def application(environ, start):
        start("200 OK", [("Content-Length", str(length))])
        return body

    one = exchange(application)
    one.begin()
    assert (not one.more, one.closed, body.closed) == (whole, whole, int(whole))
    assert len(one.part) == length - (not whole)


def test_the_result_is_closed_once_however_it_ends() -> None:
    body = Body(b"a", b"b")

    def application(environ, start):
        start("200 OK", [])
        return body

    one = exchange(application)
    one.begin()
    assert (one.part, one.more, body.closed) == (b"a", True, 0)
    one.close()
    one.close()
    assert body.closed == 1


def test_what_is_at_work_when_nobody_waits_any_more_closes_its_own_result() -> None:
    entered, release, body = threading.Event(), threading.Event(), Body(b"a")

    def application(environ, start):
        start("200 OK", [])
        entered.set()
        release.wait(30)
        return body

    one = exchange(application)
    thread = threading.Thread(target=one.begin)
    thread.start()
    assert entered.wait(30)
    one.close()
    assert body.closed == 0
    release.set()
    thread.join()
    assert body.closed == 1


def test_an_error_replaces_an_answer_that_has_not_begun() -> None:
    def application(environ, start):
        start("200 OK", [("X-A", "1")])
        try:
            raise ValueError("wrong")
        except ValueError:
            start("500 Oops", [], sys.exc_info())
        return [b"sorry"]

    one = exchange(application)
    assert (parts(one), one.status, one.headers) == ([b"sorry"], 500, [])


def test_an_error_after_the_answer_has_begun_is_raised() -> None:
    def application(environ, start):
        start("200 OK", [])
        yield b"a"
        try:
            raise ValueError("wrong")
        except ValueError:
            start("500 Oops", [], sys.exc_info())

    one = exchange(application)
    one.begin()
    with pytest.raises(ValueError, match="wrong"):
        one.next()


@pytest.mark.parametrize("status", ["100 Continue", "0 None", "OK", "1000 More", ""])
def test_a_status_that_is_none_is_refused(status: str) -> None:
    one = exchange(lambda environ, start: start(status, []))
    with pytest.raises(ValueError, match="answered with status"):
        one.begin()


@pytest.mark.parametrize("times", [0, 2])
def test_an_answer_begins_once(times: int) -> None:
    def application(environ, start):
        for _ in range(times):
            start("200 OK", [])
        return [b"a"]

    with pytest.raises(AssertionError, match="start_response"):
        parts(exchange(application))


@pytest.mark.parametrize(
    ("host", "name", "port"),
    [
        (b"example.test", "example.test", "80"),
        (b"example.test:8000", "example.test", "8000"),
        (b"[::1]", "[::1]", "80"),
        (b"[::1]:8000", "[::1]", "8000"),
        (b"", "localhost", "80"),
    ],
)
def test_the_server_is_named_as_its_client_names_it(host: bytes, name: str, port: str) -> None:
    made = environ(Request("GET", "/", {b"host": host}), b"")
    assert (made["SERVER_NAME"], made["SERVER_PORT"]) == (name, port)


@pytest.mark.parametrize(
    ("client", "scheme"), [("127.0.0.1", "https"), ("", "https"), ("10.0.0.1", "http")]
)
def test_only_a_proxy_beside_us_is_believed_that_its_client_spoke_https(
    client: str, scheme: str
) -> None:
    request = Request("GET", "/", {b"x-forwarded-proto": b"https"}, client=client)
    made = environ(request, b"")
    assert (made["wsgi.url_scheme"], made["REMOTE_ADDR"]) == (scheme, client)


def test_a_header_with_an_underscore_cannot_pass_for_one_with_a_hyphen() -> None:
    made = environ(Request("GET", "/", {b"x_user": b"eve", b"x-user": b"adam"}), b"")
    assert made["HTTP_X_USER"] == "adam"


def test_a_path_is_unquoted_and_the_query_is_not() -> None:
    made = environ(Request("GET", "/%C3%BC%2F?a=%C3%BC", {}), b"")
    assert made["PATH_INFO"].encode("latin-1").decode() == "/ü/"
    assert (made["QUERY_STRING"], made["RAW_URI"]) == ("a=%C3%BC", "/%C3%BC%2F?a=%C3%BC")
