"""A skill answers under the stock functions-framework command as under the host."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from catnap import Context, skill
from catnap.skills.testing import FakeGateway
from tests.callbacks import GRANT, callbacks
from tests.pairs import Pair, ask, served, stock

FOLDER = Path(__file__).parent / "stock"
JSON = {"Content-Type": "application/json"}
EVENT = {
    "ce-specversion": "1.0",
    "ce-id": "1",
    "ce-source": "/tests",
    "ce-type": "test",
    "ce-tenantid": "t",
    "ce-userid": "u",
    "ce-taskid": "k",
}
ENVELOPE = json.dumps({name[3:]: value for name, value in EVENT.items()}).encode()
TRACE = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}


@pytest.fixture(scope="module")
def pair() -> Iterator[Callable[[str], Pair]]:
    """Both ways to serve a skill of the folder, started when first asked for."""
    with ExitStack() as started:

        @cache
        def of(target: str) -> Pair:
            return started.enter_context(served(FOLDER, target, source="skills.py"))

        yield of


@pytest.mark.parametrize(
    ("target", "status", "asked"),
    [
        ("typed", 200, ("POST", "/", JSON, b'{"a": 1, "b": 2}')),
        ("typed", 200, ("POST", "/any/where?x=y", {}, b'{"a": 1}')),
        ("typed", 200, ("POST", "/", JSON, [b'{"a"', b": 1}"])),
        ("typed", 200, ("POST", "/", {**EVENT, **JSON}, b'{"a": 1}')),
        ("typed", 400, ("POST", "/", JSON, b'{"a": "1"}')),
        ("typed", 400, ("POST", "/", JSON, b'{"a":')),
        ("typed", 400, ("POST", "/", {}, b"")),
        ("typed", 400, ("POST", "/", {**EVENT, "ce-id": ""}, b"{}")),
        ("typed", 400, ("POST", "/", {"Catnap-Timeout": "soon"}, b'{"a": 1}')),
        ("typed", 405, ("GET", "/")),
        ("typed", 405, ("HEAD", "/")),
        ("typed", 405, ("PUT", "/", JSON, b'{"a": 1}')),
        ("typed", 415, ("POST", "/", {"Content-Type": "text/csv"}, b"a;b")),
        ("typed", 200, ("GET", "/healthz")),
        ("typed_async", 200, ("POST", "/", JSON, b'{"a": 1, "b": 2}')),
        ("typed_async", 200, ("POST", "/")),
        ("raw", 200, ("POST", "/", {"Content-Type": "image/png"}, bytes(range(256)))),
        ("raw", 200, ("POST", "/", {}, b"0123456789" * 500_000)),
        ("upload", 200, ("POST", "/", {}, [b"x" * 100_000] * 10)),
        ("count", 200, ("POST", "/", JSON, b"2")),
        ("count", 200, ("POST", "/", {**JSON, "Accept": "text/event-stream"}, b"2")),
        ("count", 200, ("POST", "/", {**JSON, "Accept": "application/json"}, b"2")),
        ("count", 200, ("POST", "/", JSON, b"5")),
        ("count", 400, ("POST", "/", JSON, b'"x"')),
        ("count_in_threads", 200, ("POST", "/", JSON, b"3")),
        ("pieces", 200, ("POST", "/", JSON, b"3")),
        ("told", 200, ("POST", "/", {**EVENT, **JSON, **TRACE}, b"{}")),
        ("told", 200, ("POST", "/", {"Content-Type": "application/cloudevents+json"}, ENVELOPE)),
        ("told", 200, ("POST", "/")),
        ("replies", 200, ("POST", "/")),
        ("replies", 200, ("POST", "/", EVENT, b"")),
        ("told", 202, ("POST", "/", {**EVENT, "Prefer": "reply"}, b"")),
        ("fails", 422, ("POST", "/", JSON, b'"declared"')),
        ("fails", 404, ("POST", "/", JSON, b'"absent"')),
        ("fails", 500, ("POST", "/", JSON, b'"raise"')),
        ("fails", 500, ("POST", "/", JSON, b'"exit"')),
        ("fails", 504, ("POST", "/", {**JSON, "Catnap-Timeout": "50ms"}, b'"slow"')),
        ("hangs", 504, ("POST", "/", {"Catnap-Timeout": "50ms"})),
        ("reads", 503, ("POST", "/", JSON, b'"a.txt"')),
        ("reads_in_threads", 503, ("POST", "/", JSON, b'"a.txt"')),
        ("asks", 503, ("POST", "/")),
        ("proxied", 503, ("POST", "/", {"Authorization": "Bearer g"})),
    ],
)
def test_both_say_the_same(
    pair: Callable[[str], Pair], target: str, status: int, asked: tuple[Any, ...]
) -> None:
    theirs, ours = pair(target).ask(*asked)
    assert theirs == ours
    assert ours.status == status


def test_an_event_is_answered_with_ok_and_its_errors_come_through() -> None:
    with stock(FOLDER / "skills.py", "typed", "--signature-type", "cloudevent") as port:
        good = ask(port, "POST", "/", {**EVENT, **JSON}, b'{"a": 1}')
        bad = ask(port, "POST", "/", {**EVENT, **JSON}, b'{"a": "1"}')
    assert (good.status, good.body) == (200, b"OK")
    assert (bad.status, bad.content_type) == (400, "application/problem+json")


@pytest.mark.parametrize(
    ("target", "payload", "status", "answer"),
    [
        ("reads", "a.txt", 200, "content"),
        ("reads_in_threads", "a.txt", 200, "content"),
        ("reads", "b.txt", 404, None),
        ("asks", None, 200, 42),
        ("proxied", None, 200, "http://catnap:grant@127.0.0.1:1"),
    ],
)
def test_a_platform_is_reached_with_the_calls_grant(
    target: str, payload: Any, status: int, answer: Any
) -> None:
    gateway = FakeGateway({"a.txt": "content"}, skills={"double": lambda number: 2 * number})
    with (
        callbacks(gateway) as address,
        served(
            FOLDER,
            target,
            source="skills.py",
            CATNAP_CALLBACK=address,
            CATNAP_EGRESS="127.0.0.1:1",
        ) as pair,
    ):
        headers = {**JSON, "Authorization": GRANT}
        for _ in range(2):  # the second over connections that the first has left
            theirs, ours = pair.ask("POST", "/", headers, json.dumps(payload).encode())
            assert theirs == ours
            assert ours.status == status
    if answer is not None:
        assert json.loads(ours.body) == answer


def test_the_option_that_no_skill_can_run_under_is_named() -> None:
    @skill
    def double(ctx: Context, request: int) -> int:
        return 2 * request

    with pytest.raises(RuntimeError, match="--asgi: leave the option out"):
        double(object())
