"""catnap call."""

from pathlib import Path

import msgspec
import pytest

from catnap.cli import exits
from tests.cli.conftest import Cli
from tests.client.gateway import FAILURES, TIMINGS, Gateway


def test_the_answer_is_printed_as_the_skill_gave_it(cli: Cli) -> None:
    done = cli("call", "echo", "--data", '{"b":  1}')
    assert (done.status, done.out, done.err) == (0, '{"b":  1}', "")


def test_json_shows_the_answer_and_how_it_came_about(cli: Cli) -> None:
    assert cli("call", "echo", "--data", "[1]", "--json").json == {
        "answer": [1],
        "content_type": "application/json",
        "task": "task-1",
        "instance": "echo-00001-a",
        "timings": TIMINGS,
    }
    assert cli("call", "image", "--json").json["answer"] == "iVBORwD/"


def test_options_reach_the_gateway(cli: Cli) -> None:
    options = ("--user", "ada", "--session", "s", "--priority", "low", "--timeout", "5m")
    seen = cli("call", "options", *options, "--idempotency-key", "k", "--json").json["answer"]
    assert (seen["user"], seen["session"], seen["key"], seen["priority"]) == ("ada", "s", "k", 1)
    assert 290 < seen["remaining"] < 303  # gRPC rounds a timeout up


def test_data_comes_from_a_file_and_says_what_it_is(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "query.json").write_text("[]")
    (tmp_path / "picture.png").write_bytes(b"123")
    seen = cli("call", "options", "--data-file", "query.json").json
    assert (seen["content_type"], seen["size"]) == ("application/json", 2)
    seen = cli("call", "options", "--data-file", "picture.png").json
    assert (seen["content_type"], seen["size"]) == ("image/png", 3)
    seen = cli("call", "options", "--data", "x", "--content-type", "text/plain").json
    assert (seen["content_type"], seen["size"]) == ("text/plain", 1)


def test_timings_are_shown_on_stderr(cli: Cli) -> None:
    done = cli("call", "echo", "-v")
    assert done.err.startswith("cold start on echo-00001-a, task task-1\n")
    assert [line.split()[0] for line in done.err.splitlines()[1:]] == [*TIMINGS, "in"]


def test_async_prints_a_task_id_for_tasks_wait(cli: Cli) -> None:
    done = cli("call", "echo", "--data", '"later"', "--async")
    assert done.out == "task-1\n"
    assert "catnap tasks wait task-1" in done.err
    assert cli("tasks", "wait", "task-1").out == '"later"'


def test_a_stream_is_printed_as_it_comes(cli: Cli) -> None:
    assert cli("call", "count", "--stream").out == "one two three"
    lines = cli("call", "count", "--stream", "--json").out.splitlines()
    head, *chunks = [msgspec.json.decode(line) for line in lines]
    assert head["task"] == "task-2"
    assert chunks == [{"chunk": "one "}, {"chunk": "two "}, {"chunk": "three"}]


@pytest.mark.parametrize("name", FAILURES)
def test_each_error_is_one_line_with_its_own_status(cli: Cli, name: str) -> None:
    done = cli("call", name)
    assert done.status == exits.status(FAILURES[name])
    assert done.out == ""
    assert done.err.startswith(f"catnap: {FAILURES[name].message}")
    assert done.err.count("\n") == 1


def test_when_to_try_again_is_said_where_it_is_known(cli: Cli) -> None:
    assert cli("call", "busy").err.endswith("; try again in 1.5 s\n")


def test_a_timeout_is_status_8(cli: Cli, gateway: Gateway) -> None:
    assert cli("call", "never", "--timeout", "200ms").status == 8


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--data", "{"), "--data is not JSON"),
        (("--data", "1", "--data-file", "f"), "not both"),
        (("--async", "--stream"), "nothing to --stream"),
        (("--timeout", "soon"), "'soon' is no length of time"),
        (("--prioritee", "low"), "--priority"),
    ],
)
def test_a_wrong_command_is_status_2_and_names_the_help(
    cli: Cli, argv: tuple[str, ...], said: str
) -> None:
    done = cli("call", "echo", *argv)
    assert done.status == 2
    assert said in done.err
    assert done.err.endswith("See `catnap call --help`\n")
    assert done.err.count("\n") == 1


def test_a_missing_data_file_is_named(cli: Cli) -> None:
    done = cli("call", "echo", "--data-file", "nowhere.json")
    assert (done.status, done.err) == (1, "catnap: nowhere.json: No such file or directory\n")
