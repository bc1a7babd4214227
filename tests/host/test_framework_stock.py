"""A function answers under `catnap host` as under the stock command."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pairs import Pair, served

Ask = tuple[Any, ...]

FOLDER = Path(__file__).parent / "stock"
JSON = {"Content-Type": "application/json"}
STRUCTURED = {"Content-Type": "application/cloudevents+json"}
EVENT = {
    "ce-specversion": "1.0",
    "ce-id": "1",
    "ce-source": "/tests",
    "ce-type": "test",
    "ce-time": "2026-01-02T03:04:05Z",
}
ENVELOPE = {name[3:]: value for name, value in EVENT.items()}
FORM = (
    b'--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    b'--X\r\nContent-Disposition: form-data; name="f"; filename="\xc3\xbc.txt"\r\n'
    b"Content-Type: text/plain\r\n\r\nhello\r\n--X--\r\n"
)
LARGE = b"0123456789" * 500_000
HOOK = b'{"context": {"eventId": "1", "eventType": "google.pubsub.topic.publish"}, "data": {}}'


@pytest.fixture(scope="module")
def pair() -> Iterator[Callable[[str], Pair]]:
    """Both ways to serve a function of the folder, started when first asked for."""
    with ExitStack() as started:

        @cache
        def of(target: str) -> Pair:
            name, _, options = target.partition(" ")
            return started.enter_context(served(FOLDER, name, *options.split()))

        yield of


def structured(charset: str = "", **more: Any) -> Ask:
    parameter = f"; charset={charset}" if charset else ""
    kind = {"Content-Type": STRUCTURED["Content-Type"] + parameter}
    return "POST", "/", kind, json.dumps({**ENVELOPE, **more}).encode()


METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "PROPFIND")
SAME: dict[str, list[Ask]] = {
    "mirror": [
        *((method, "/a/b?c=d") for method in METHODS),
        ("OPTIONS", "*"),
        *(
            ("GET", target)
            for target in (
                *("/", "//x", "/a//b", "/a;b=c?", "/.%2e/x", "/a+b?a+b=c+d", "/%ff", "/a%00b"),
                *("/%C3%BC/%2F/a%20b", "/?a=1&a=2&b=%C3%BC&c", "/x?" + "a" * 5000),
                *("/robots.txt", "/favicon.ico"),
            )
        ),
        ("POST", "/", JSON, b'{"a": [1, "\xc3\xbc"]}'),
        ("POST", "/", JSON, b'{"a":'),
        ("POST", "/", {"Content-Type": "application/x-www-form-urlencoded"}, b"a=1&b=%C3%BC&a=2"),
        ("POST", "/", {"Content-Type": "multipart/form-data; boundary=X"}, FORM),
        ("POST", "/", {"Content-Type": "text/plain; charset=latin-1"}, b"\xfc"),
        ("POST", "/", {}, b""),
        ("POST", "/", {}, LARGE),
        ("POST", "/", JSON, [b'{"a"', b":1}"]),
        ("POST", "/", {}, [LARGE[:500_000]] * 4),
        ("GET", "/", {"Cookie": 'a=1; b="2"', "Accept": "text/html;q=0.5, text/csv"}),
        ("GET", "/", {"X-A": "1", "X-Latin": "\xfc", "X_Under": "1", "User-Agent": "u"}),
        ("GET", "/", {"X-Forwarded-Proto": "https", "X-Forwarded-For": "1.2.3.4"}),
        ("GET", "/", {"Forwarded": "for=1.2.3.4", "Authorization": "Basic YTpi"}),
        ("POST", "/", {"Expect": "100-continue"}, b"expected"),
        ("GET", "/", {"Host": "[::1]:90"}),
        ("GET", "/", {"Host": ""}),
        ("POST", "/", {**EVENT, **JSON}, b"{}"),
    ],
    "answers": [
        *(
            (method, f"/{path}")
            for method in ("GET", "HEAD")
            for path in (
                *("text", "bytes", "dict", "list", "status", "headers", "all", "response"),
                *("nothing", "unchanged", "redirect", "outside", "abort", "aborted", "divide"),
                *("file", "large", "stream", "context", "length", "nostream", "wsgi", "unknown"),
            )
        ),
        ("GET", "/file", {"Range": "bytes=2-4"}),
        ("GET", "/file", {"If-None-Match": '"fixed"'}),
    ],
    "undecorated": [("GET", "/"), ("POST", "/x", {}, b"abc")],
    "undecorated --asgi": [("GET", "/"), ("POST", "/x", {}, b"abc")],
    "undecorated_event --signature-type cloudevent": [("POST", "/", EVENT, b"")],
    "event": [
        ("POST", "/", {**EVENT, **JSON}, b'{"a":1}'),
        ("POST", "/any/where", {**EVENT, "Content-Type": "text/plain"}, b"text"),
        ("POST", "/", {**EVENT, "Content-Type": "image/png"}, bytes(range(256))),
        ("POST", "/", EVENT, b""),
        ("POST", "/", EVENT, b'{"a":1}'),
        ("POST", "/", {**EVENT, **JSON}, b""),
        ("POST", "/", {**EVENT, **JSON}, b'{"a":'),
        ("POST", "/", {**EVENT, **JSON}, b'"abort"'),
        ("POST", "/", {**EVENT, **JSON}, [b'{"a"', b":1}"]),
        ("POST", "/", {**EVENT, "ce-subject": "caf%C3%A9 x", "ce-own": "1"}, b""),
        structured(),
        structured(data={"a": 1}, datacontenttype="application/json"),
        structured(data="text", datacontenttype="text/plain"),
        structured(data_base64="AAEC"),
        structured(data=None, own=5, flag=True, subject="café"),
        structured(charset="utf-8"),
    ],
    "quiet": [("POST", "/", EVENT, b""), structured(data=1)],
    "typed": [
        ("POST", "/", JSON, b'{"a": 1, "b": 2}'),
        ("POST", "/any/where", JSON, b'{"a": 1, "b": 2}'),
        ("POST", "/", JSON, b'{"a": 0, "b": 2}'),
        ("GET", "/"),
    ],
    "aio": [
        *(
            (method, f"/{path}")
            for method in ("GET", "HEAD")
            for path in ("text", "dict", "status", "redirect", "stream", "robots.txt", "other")
        ),
        *((method, "/a/b?c=d") for method in METHODS),
        *(("GET", t) for t in ("//x", "/%C3%BC/%2F/a%20b", "/?a=1&a=2&b=%C3%BC&c", "/%ff", "/a+b")),
        ("POST", "/", JSON, b'{"a":1}'),
        ("POST", "/", {"X-Latin": "\xfc"}, [b"abc", b"def"]),
        ("POST", "/", {}, LARGE),
        ("GET", "/", {"Cookie": "a=1; b=2", "X-Forwarded-Proto": "https"}),
    ],
    "aio_event": [
        ("POST", "/", {**EVENT, **JSON}, b'{"a":1}'),
        ("POST", "/any/where", EVENT, b""),
        structured(data=1),
    ],
}

STRICT = "nothing malformed reaches a function: what says it is a CloudEvent must be one"
CRASH = "a crash is a problem document that says what and where"
CALLERS = "what the caller did wrong is no crash, which Knative would send again"
DIFFERENT: dict[str, list[tuple[Ask, int, int, str]]] = {
    "mirror": [
        (("GET", "/healthz"), 200, 200, "the host's own, as Knative's probe and our gateway ask"),
        (("GET", "http://other.test/x"), 200, 200, "a URL's host counts, by RFC 9112, 3.2.2"),
        (("POST", "/", {"ce-id": "1"}, b""), 200, 400, STRICT),
        (("POST", "/", {**EVENT, "ce-time": "today"}, b""), 200, 400, STRICT),
        (structured(specversion="0.3"), 200, 400, STRICT),
        (
            ("POST", "/", {"Content-Type": "t\xe9xt/x"}, b""),
            200,
            400,
            "no media type has an accent",
        ),
        (
            ("POST", "/", {"Content-Type": "application/cloudevents-batch+json"}, b"[]"),
            200,
            400,
            "an instance is given one event a request",
        ),
    ],
    "answers": [
        (("GET", "/none"), 500, 500, CRASH),
        (("GET", "/raise"), 500, 500, CRASH),
    ],
    "event": [
        (("POST", "/", {**EVENT, **JSON}, b'"raise"'), 500, 500, CRASH),
        (("POST", "/", {**EVENT, "ce-specversion": "2.0"}, b""), 415, 400, STRICT),
        (("POST", "/", {**EVENT, "ce-id": ""}, b""), 200, 400, STRICT),
        (("POST", "/", {**EVENT, "ce-time": "today"}, b""), 200, 400, STRICT),
        (("POST", "/", {**EVENT, "ce-bad-name": "1"}, b""), 200, 400, STRICT),
        (("POST", "/", STRUCTURED, b"{"), 400, 400, STRICT),
        (("POST", "/", JSON, b"{}"), 400, 400, "theirs gives back every header, and credentials"),
        (("POST", "/", JSON, HOOK), 200, 400, "the events of before CloudEvents are not taken"),
        (("GET", "/"), 405, 405, "our errors are problem documents"),
    ],
    "quiet": [
        (
            ("POST", "/", {**EVENT, "Prefer": "reply"}, b""),
            200,
            202,
            "a Broker takes a body that is no event for a failure and sends the event again",
        ),
    ],
    "typed": [
        (("POST", "/", JSON, b'{"a": 1}'), 500, 500, CRASH),
        (("POST", "/", JSON, b"{"), 500, 400, CALLERS),
        (("POST", "/", {"Content-Type": "text/plain"}, b"{}"), 500, 415, CALLERS),
    ],
    "aio": [
        (("GET", "/raise"), 500, 500, CRASH),
    ],
    "aio_event": [
        (("POST", "/", {**EVENT, **JSON}, b'"raise"'), 500, 500, CRASH),
        (("POST", "/", {**EVENT, "ce-id": ""}, b""), 200, 400, STRICT),
        (("POST", "/", JSON, b"{}"), 400, 400, "our errors are problem documents"),
    ],
}


def cases(table: dict[str, list[Any]]) -> list[Any]:
    return [
        pytest.param(target, case, id=f"{target.partition(' ')[0]}-{number}")
        for target, listed in table.items()
        for number, case in enumerate(listed)
    ]


@pytest.mark.parametrize(("target", "asked"), cases(SAME))
def test_both_say_the_same(pair: Callable[[str], Pair], target: str, asked: Ask) -> None:
    theirs, ours = pair(target).ask(*asked)
    assert ours == theirs


@pytest.mark.parametrize(("target", "case"), cases(DIFFERENT))
def test_what_they_say_differently_is_known(
    pair: Callable[[str], Pair], target: str, case: tuple[Ask, int, int, str]
) -> None:
    asked, their_status, our_status, reason = case
    theirs, ours = pair(target).ask(*asked)
    assert theirs != ours, f"no longer different: {reason}"
    assert (theirs.status, ours.status) == (their_status, our_status)
    if our_status >= 400:
        assert ours.content_type == "application/problem+json"


WORDS = st.text("abcxyz-_.~%20;=+&/ é", max_size=12).map(
    lambda text: quote(text, safe="-_.~;=+&%/")
)
VALUES = st.text("abcXYZ019 ;,=\"'/()\xe9", max_size=20).map(str.strip)
NAMES = ("Cookie", "Accept", "X-Any", "User-Agent", "Referer", "If-None-Match", "Range")
TYPES = st.sampled_from(
    (*JSON.values(), "text/plain", "text/x;a=b", "application/x-www-form-urlencoded", "x", "")
)


@settings(max_examples=150, deadline=None)
@given(
    method=st.sampled_from(METHODS),
    path=st.lists(WORDS, max_size=3).map("/".join),
    query=st.none() | WORDS,
    headers=st.dictionaries(st.sampled_from(NAMES), VALUES),
    content_type=st.none() | TYPES,
    body=st.none() | st.binary(max_size=300) | st.lists(st.binary(min_size=1), max_size=3),
)
def test_both_say_the_same_to_any_request(
    pair: Callable[[str], Pair],
    method: str,
    path: str,
    query: str | None,
    headers: dict[str, str],
    content_type: str | None,
    body: bytes | list[bytes] | None,
) -> None:
    if content_type is not None:
        headers = {**headers, "Content-Type": content_type}
    target = f"/{path}" + ("" if query is None else f"?{query}")
    theirs, ours = pair("mirror").ask(method, target, headers, body)
    assert ours == theirs
