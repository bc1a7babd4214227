"""catnap status."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from catnap.gateway.platform import Seen
from catnap.services.snapshot import Decision, Instance, Revision, Service
from tests.cli.conftest import Cli, Outcome
from tests.services.knative.apiserver import Answer, running

Status = Callable[..., Outcome]

BURST = Decision(
    want=15, why="panic average", panicking=True, times=3, since=150.0, ago=146.0,
    stable=9.04, panic=100.0, ready=1,
)  # fmt: skip
CALM = Decision(
    want=3, why="stable average", times=72, since=145.0, ago=1.0, stable=17.2, panic=18.0, ready=3
)


@pytest.fixture
def status(alone: Cli) -> Iterator[Status]:
    """`catnap status` beside a gateway that has these revisions of echo."""
    seen: list[bytes] = []

    class Gateway(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(seen[0])))
            self.end_headers()
            self.wfile.write(seen[0])

        def log_message(self, *_: Any) -> None: ...

    def call(revisions: list[Revision], *argv: str, models: str = "") -> Outcome:
        services = [Service(tenant="acme", name="echo", revisions=revisions)]
        seen[:] = [msgspec.json.encode(Seen("local", services, models=models))]
        return alone("status", *argv, "--http", address, "--token", "key")

    with HTTPServer(("127.0.0.1", 0), Gateway) as server:
        address = f"127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=partial(server.serve_forever, 0.01))
        thread.start()
        yield call
        server.shutdown()
        thread.join()


def revision(*decisions: Decision, name: str = "echo-00001") -> Revision:
    instance = Instance(name=f"{name}-abc", state="ready")
    return Revision(name=name, percent=100, instances=[instance], decisions=decisions)


def test_a_revision_has_its_last_decision(status: Status) -> None:
    [_, row] = status([revision(CALM, BURST)]).out.splitlines()
    assert row.startswith("echo-00001")
    assert row.endswith("3: stable average")


def test_a_named_skill_has_its_last_decisions_with_when_and_why(status: Status) -> None:
    decisions = status([revision(CALM, BURST)], "echo").out.split("\n\n")[2].splitlines()
    assert [line.split(maxsplit=7) for line in decisions] == [
        ["revision", "decided", "times", "ready", "stable", "panic", "decision"],
        ["echo-00001", "2", "min", "ago", "72", "3", "17.2", "18.0  3: stable average"],
        ["echo-00001", "2", "min", "ago", "3", "1", "9.0", "100.0  15 (panic): panic average"],
    ]


def test_ten_decisions_are_shown_the_newest_of_all_revisions_first(status: Status) -> None:
    old = [Decision(want=n, why="stable average", since=n, ago=n) for n in range(12)]
    new = [Decision(want=100, why="panic average", since=3.6, ago=3.5)]
    shown = status([revision(*new, name="echo-00002"), revision(*old)], "echo").out
    wants = [line.split()[-3] for line in shown.split("\n\n")[2].splitlines()[1:]]
    assert wants == ["0:", "1:", "2:", "3:", "100:", "4:", "5:", "6:", "7:", "8:"]


def test_those_whose_callers_never_meet_are_told_together(status: Status) -> None:
    ones = [Decision(want=1, why="stable average", group=group) for group in range(3)]
    none = Decision(want=0, why="idle", group=3)
    assert "3 x 1: stable average; 0: idle" in status([revision(*ones, none)]).out


def test_json_has_every_decision_and_all_that_it_saw(status: Status) -> None:
    found = status([revision(CALM, BURST)], "--json").json["services"][0]["revisions"][0]
    assert found["decisions"] == msgspec.to_builtins([CALM, BURST])
    assert set(found["decisions"][0]) >= {"since", "ago", "stable", "panic", "ready", "why"}


@pytest.mark.parametrize("tenant", ["acme", "a b", "a&b=c", "ü", "100%"])
def test_any_tenant_can_be_asked_for(alone: Cli, tmp_path: Path, tenant: str) -> None:
    with running(tmp_path) as server:
        server.answer("/platform", Answer(body={"platform": "local", "services": []}))
        where = server.api().server.removeprefix("http://")
        done = alone("status", "--tenant", tenant, "--http", where)
        assert (done.status, "nothing is served" in done.err) == (0, True), done.err
        [asked] = server.asked
        assert asked.query == {"tenant": tenant}


def test_a_models_toml_that_is_not_taken_up_is_said(status: Status) -> None:
    assert "models.toml:2: [x] servers" in status([], models="models.toml:2: [x] servers").err
