"""delete and deploy --here for several skills, of which some fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from catnap.errors import CatnapError, InvalidRequest, NotFound, Unavailable, to_problem
from tests.cli.conftest import Cli, Outcome
from tests.services.knative.apiserver import Answer, ApiServer, running

Run = Callable[..., Outcome]


def refusal(error: CatnapError) -> Answer:
    return Answer(error.http, msgspec.json.decode(to_problem(error)))


def deployed(name: str, percent: int = 100) -> Answer:
    newest = {"name": f"{name}-00002", "latest": True, "percent": percent}
    return Answer(body={"tenant": "default", "name": name, "revisions": [newest]})


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    with running(tmp_path) as told:
        yield told


@pytest.fixture
def at(alone: Cli, server: ApiServer) -> Run:
    """The command line beside the three skills' folders."""
    for name in ("one", "two", "three"):
        alone("new", name)
    where = server.api().server.removeprefix("http://")
    return lambda *argv: alone(*argv, "--http", where)


def test_what_cannot_be_deleted_leaves_the_others_be(at: Run, server: ApiServer) -> None:
    for name in ("one", "three"):
        server.answer(f"/platform/skills/{name}", Answer(204))
    server.answer("/platform/skills/two", refusal(NotFound("there is no skill 'two'")))
    done = at("delete", "one", "two", "three", "one")
    assert done.status == 4
    assert "one is not served any more" in done.err
    assert "three is not served any more" in done.err
    assert "catnap: two is not deleted: there is no skill 'two'" in done.err
    assert len(server.asked) == 3


def test_what_was_not_deleted_is_in_the_json_too(at: Run, server: ApiServer) -> None:
    server.answer("/platform/skills/one", Answer(204))
    server.answer("/platform/skills/two", refusal(NotFound("there is no skill 'two'")))
    done = at("delete", "one", "two", "--json")
    assert done.status == 4
    problem = {"name": "NotFound", "message": "there is no skill 'two'", "retryable": False}
    assert done.json == {
        "results": [{"name": "one", "problem": None}, {"name": "two", "problem": problem}]
    }


def test_what_cannot_be_deployed_leaves_the_others_be(at: Run, server: ApiServer) -> None:
    server.answer("/platform/skills/one/deploy", refusal(Unavailable("could not be taken up")))
    server.answer("/platform/skills/two/deploy", refusal(InvalidRequest("lacks a name")))
    server.answer("/platform/skills/three/deploy", deployed("three", percent=10))
    done = at("deploy", "--here", "one", "two", "three")
    assert (done.status, done.out) == (7, "three-00002\n")
    assert "one is not deployed: could not be taken up" in done.err
    assert "two is not deployed: lacks a name" in done.err
    assert "three-00002 gets 10 % of the calls" in done.err
    done = at("deploy", "--here", "one", "two", "three", "--json")
    assert done.status == 7
    found = done.json["results"]
    assert [(each["name"], each["revision"], each["percent"]) for each in found] == [
        ("one", "", 0),
        ("two", "", 0),
        ("three", "three-00002", 10),
    ]
    assert [each["problem"] and each["problem"]["name"] for each in found] == [
        "Unavailable",
        "InvalidRequest",
        None,
    ]


def test_nobody_there_is_said_once(alone: Cli) -> None:
    done = alone("delete", "one", "two", "--http", "127.0.0.1:1")
    assert done.status == 7
    [line] = done.err.splitlines()
    assert "one, two are not deleted: cannot reach the gateway" in line
    done = alone("delete", "one", "two", "--http", "127.0.0.1:1", "--json")
    assert [each["problem"]["name"] for each in done.json["results"]] == ["Unreachable"] * 2


@pytest.mark.parametrize(
    "flags",
    [
        ("--dry-run",),
        ("--no-wait",),
        ("--wait",),
        ("--timeout", "1s"),
        ("--tenant", "acme"),
        ("--image", "one=one:1"),
        ("--storage", "1Gi"),
        ("--context", "there"),
        ("--install", "other"),
    ],
)
def test_what_only_a_cluster_has_a_use_for_is_refused(
    at: Run, server: ApiServer, flags: tuple[str, ...]
) -> None:
    done = at("deploy", "--here", "one", *flags)
    assert (done.status, flags[0] in done.err) == (2, True), done.err
    assert server.asked == []
