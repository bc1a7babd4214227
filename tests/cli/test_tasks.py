"""catnap tasks and catnap dead."""

import pytest

from tests.cli.conftest import Cli
from tests.client.gateway import Gateway


def submit(cli: Cli, skill: str, *argv: str) -> str:
    return cli("call", skill, "--async", *argv).out.strip()


def die(cli: Cli, skill: str = "broken") -> str:
    task = submit(cli, skill)
    assert cli("tasks", "wait", task).status == 6
    return task


def test_wait_prints_the_answer(cli: Cli) -> None:
    task = submit(cli, "echo", "--data", '{"a":1}')
    assert cli("tasks", "wait", task).out == '{"a":1}'
    shown = cli("tasks", "wait", task, "--json").json
    assert (shown["state"], shown["result"]) == ("succeeded", {"a": 1})


def test_wait_fails_as_the_skill_did(cli: Cli) -> None:
    task = submit(cli, "broken")
    done = cli("tasks", "wait", task)
    assert done.status == 6
    assert "RuntimeError: no" in done.err
    assert f"catnap dead redrive {task}" in done.err
    done = cli("tasks", "wait", task, "--json")
    assert done.status == 6
    assert done.json["error"]["name"] == "SkillCrashed"


def test_wait_gives_up_after_its_timeout(cli: Cli) -> None:
    done = cli("tasks", "wait", submit(cli, "never"), "--timeout", "10ms")
    assert done.status == 8
    assert "still queued; it goes on" in done.err


def test_a_cancelled_task_is_status_1(cli: Cli) -> None:
    task = submit(cli, "never")
    assert cli("tasks", "cancel", task).out == f"{task} is cancelled\n"
    assert cli("tasks", "wait", task).status == 1


def test_list_filters_and_limits(cli: Cli) -> None:
    for user in ("ada", "bob", "ada"):
        submit(cli, "echo", "--user", user)
    dead = die(cli)
    assert len(cli("tasks", "list", "--json").json) == 4
    assert len(cli("tasks", "list", "--limit", "3", "--json").json) == 3
    assert len(cli("tasks", "list", "--user", "ada", "--json").json) == 2
    assert [task["id"] for task in cli("tasks", "list", "--state", "dead", "--json").json] == [dead]
    heading, *rows = cli("tasks", "list", "--skill", "echo").out.splitlines()
    assert heading.split() == ["task", "skill", "state", "attempts", "user", "created", "error"]
    assert len(rows) == 3


def test_get_shows_one_task(cli: Cli) -> None:
    task = submit(cli, "echo", "--user", "ada")
    shown = cli("tasks", "get", task)
    assert f"task      {task}\n" in shown.out
    assert "state     queued\n" in shown.out
    assert cli("tasks", "get", "task-99").status == 4


def test_dead_tasks_are_listed_and_sent_again(cli: Cli, gateway: Gateway) -> None:
    one, two, three = die(cli), die(cli, "other"), die(cli)
    assert len(cli("dead", "list", "--json").json) == 3
    assert "SkillCrashed: RuntimeError: no" in cli("dead", "list", "--skill", "other").out
    assert cli("dead", "redrive", one).out == f"{one} is queued\n"
    again = cli("dead", "redrive", "--all", "--skill", "other", "--json").json
    assert [task["id"] for task in again] == [two]
    assert cli("dead", "redrive", "--all").out == f"{three} is queued\n"
    assert cli("dead", "list").err == "no dead tasks\n"


def test_redrive_all_goes_on_past_a_task_that_changed_meanwhile(cli: Cli) -> None:
    one, changed, three = die(cli), die(cli, "elusive"), die(cli)
    done = cli("dead", "redrive", "--all")
    assert done.status == 0
    assert done.out == f"{three} is queued\n{one} is queued\n"
    assert done.err == f"changed meanwhile: task {changed} is queued\n"


def test_redrive_of_a_task_that_is_not_dead_is_an_error(cli: Cli) -> None:
    done = cli("dead", "redrive", submit(cli, "echo"))
    assert (done.status, done.out) == (2, "")
    assert "is not dead" in done.err


@pytest.mark.parametrize("argv", [(), ("--all", "task-1"), ("task-1", "--skill", "x")])
def test_redrive_wants_ids_or_all(cli: Cli, argv: tuple[str, ...]) -> None:
    assert cli("dead", "redrive", *argv).status == 2
