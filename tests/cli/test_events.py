"""catnap events send, against a real HTTP server."""

import asyncio
import shlex
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from catnap.errors import PermissionDenied
from catnap.events import Event, decode
from catnap.events.filters import matches
from catnap.http import Request, Response, Server
from catnap.skills.manifest import read_manifest
from tests.cli.conftest import Cli

FUNCTIONS = Path(__file__).parents[2] / "functions"


class Inbox:
    """Takes events, and answers what it was told to."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.authorization: list[str | None] = []
        self.answer = b'{"tasks":["t1","t2"],"matched":2}'
        self.refuse = False
        self.address = ""

    async def __call__(self, request: Request) -> Response:
        assert (request.method, request.path) == ("POST", "/events")
        if self.refuse:
            raise PermissionDenied("this key may not send events")
        self.events.append(decode(request.headers, await request.body.read()))
        self.authorization.append(request.text(b"authorization"))
        return Response.json(self.answer, 202)

    async def serve(self, started: threading.Event, stop: asyncio.Event) -> None:
        server = Server(self)
        host, port = await server.listen(host="127.0.0.1", port=0)
        self.address = f"{host}:{port}"
        started.set()
        await stop.wait()
        await server.drain(1)


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Inbox]:
    inbox, started = Inbox(), threading.Event()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(inbox.serve(started, stop),))
    thread.start()
    started.wait()
    yield inbox
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


@pytest.fixture
def send(alone: Cli, inbox: Inbox) -> Cli:
    def call(*argv: str) -> object:
        there = ("--http", inbox.address, "--token", "secret")
        return alone("events", "send", "--type", "com.example.a", "--source", "/s", *there, *argv)

    return call  # type: ignore[return-value]


def test_the_event_arrives_as_it_was_meant(send: Cli, inbox: Inbox) -> None:
    done = send(
        *("--id", "1", "--subject", "naïve 100% file.txt", "--user", "ada", "--session", "s"),
        *("--data", '{"a": 1}'),
    )
    assert done.status == 0
    [event] = inbox.events
    assert (event.id, event.type, event.source) == ("1", "com.example.a", "/s")
    assert event.subject == "naïve 100% file.txt"
    assert event.extensions == {"userid": "ada", "sessionid": "s"}
    assert (event.datacontenttype, event.data) == ("application/json", b'{"a": 1}')
    assert inbox.authorization == ["Bearer secret"]


def test_without_data_and_id_it_has_none_and_a_new_one(send: Cli, inbox: Inbox) -> None:
    send()
    send()
    first, second = inbox.events
    assert not first.data
    assert first.id != second.id


def test_the_tasks_are_printed(send: Cli, inbox: Inbox) -> None:
    assert send().out == "t1\nt2\n"
    assert send("--json").json == {"tasks": ["t1", "t2"], "matched": 2}
    inbox.answer = b'{"tasks":[],"matched":0}'
    assert "no skill has a trigger for 'com.example.a'" in send().err


def test_the_example_of_a_file_s_event_wakes_a_skill_that_comes_along(
    alone: Cli, inbox: Inbox
) -> None:
    shown = alone("events", "send", "--help").out.splitlines()
    [example] = [shlex.split(line) for line in shown if "--type catnap.file." in line]
    alone(*example[1:], "--http", inbox.address, "--token", "secret")
    [event] = inbox.events
    [trigger] = read_manifest(FUNCTIONS / "document-search").triggers.events
    assert event.type in trigger.types
    assert matches(trigger.filters, event)
    assert msgspec.json.decode(event.data or b"null", type=dict) == {}  # what it takes


def test_a_refusal_keeps_its_class(send: Cli, inbox: Inbox) -> None:
    inbox.refuse = True
    done = send()
    assert (done.status, done.err) == (3, "catnap: this key may not send events\n")


def test_what_is_no_gateway_is_told(send: Cli, inbox: Inbox) -> None:
    inbox.answer = b"<html>"
    assert "is no Catnap gateway" in send().err


def test_no_gateway_is_status_7_and_says_what_to_do(alone: Cli) -> None:
    done = alone("events", "send", "--type", "t", "--source", "/s", "--http", "127.0.0.1:9")
    assert done.status == 7
    assert "is `make run` running? --http or CATNAP_HTTP" in done.err
