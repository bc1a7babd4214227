"""catnap tasks."""

from __future__ import annotations

import itertools
import time

import click

from catnap.cli import exits, output
from catnap.cli.connection import gateway
from catnap.cli.options import (
    CLIENT,
    DURATION,
    Group,
    for_user,
    with_json,
    with_settings,
)
from catnap.cli.settings import Settings
from catnap.client import Client, Task, TaskState
from catnap.errors import Cancelled, CatnapError, DeadlineExceeded, SkillCrashed

_STATES = [state.value for state in TaskState if state is not TaskState.UNKNOWN]


@click.group(cls=Group)
def tasks() -> None:
    """Tasks: calls that were accepted, and what became of them."""


@tasks.command("list")
@click.option("--state", "states", multiple=True, type=click.Choice(_STATES), help="Only these.")
@click.option("--skill", default="", help="Only this skill's.")
@for_user
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="At most.")
@with_json
@with_settings(*CLIENT)
def list_(
    settings: Settings,
    states: tuple[str, ...],
    skill: str,
    user: str,
    limit: int,
    as_json: bool,
) -> None:
    """Lists tasks, newest first."""
    chosen = [TaskState(state) for state in states]
    with gateway(settings) as client:
        listed = client.tasks.list(states=chosen, skill=skill, user=user)
        found = list(itertools.islice(listed, limit))
    show_tasks(found, as_json, empty="no tasks")


def show_tasks(found: list[Task], as_json: bool, empty: str) -> None:
    if as_json:
        output.as_json([output.task(each) for each in found])
        return
    output.table(
        ("task", "skill", "state", "attempts", "user", "created", "error"),
        [
            (
                *(each.id, each.skill, each.state, each.attempts, each.user),
                output.when(each.created),
                f"{type(each.error).__name__}: {each.error.message}" if each.error else "",
            )
            for each in found
        ],
        empty=empty,
    )


@tasks.command()
@click.argument("task")
@with_json
@with_settings(*CLIENT)
def get(settings: Settings, task: str, as_json: bool) -> None:
    """Shows a task as it is now."""
    with gateway(settings) as client:
        found = client.tasks.get(task)
    if as_json:
        output.as_json(output.task(found))
        return
    shown = {
        "task": found.id,
        "skill": found.skill,
        "state": found.state,
        "user": found.user,
        "session": found.session,
        "parent": found.parent,
        "trigger": found.trigger,
        "attempts": found.attempts,
        "created": output.when(found.created),
        "updated": output.when(found.updated),
        "next": output.when(found.next_attempt) if found.next_attempt else "",
        "error": f"{type(found.error).__name__}: {found.error}" if found.error else "",
    }
    for name, value in shown.items():
        if value != "":
            click.echo(f"{name:<9} {value}")
    if found.result:
        output.body(found.result)


@tasks.command()
@click.argument("task")
@click.option("--timeout", type=DURATION, help="Give up after this time, e.g. 5m.")
@with_json
@with_settings(*CLIENT)
def wait(settings: Settings, task: str, timeout: float | None, as_json: bool) -> int:
    """Waits for a task to end and prints its answer.

    The exit status is that of the task: 0 if it succeeded, else as if the
    skill had been called directly.
    """
    with gateway(settings) as client:
        found = _ended(client, task, timeout)
    if as_json:
        output.as_json(output.task(found))
        return 0 if found.state is TaskState.SUCCEEDED else exits.status(_failure(found))
    if found.state is not TaskState.SUCCEEDED:
        raise _failure(found)
    if found.result:
        output.body(found.result)
    return 0


def _ended(client: Client, task: str, timeout: float | None) -> Task:
    until = None if timeout is None else time.monotonic() + timeout
    while True:
        left = 3600.0 if until is None else max(0.0, until - time.monotonic())
        found = client.tasks.wait(task, left)
        if found.state.ended:
            return found
        if until is not None and time.monotonic() >= until:
            raise DeadlineExceeded(f"task {task} is still {found.state}; it goes on")


def _failure(task: Task) -> CatnapError:
    if task.state is TaskState.CANCELLED:
        return Cancelled(f"task {task.id} was cancelled")
    error = task.error or SkillCrashed(f"task {task.id} {task.state}, without a reason")
    if task.state is TaskState.DEAD:
        error.message += f" (attempt {task.attempts}, the last: `catnap dead redrive {task.id}`)"
    return error


@tasks.command()
@click.argument("task")
@with_json
@with_settings(*CLIENT)
def cancel(settings: Settings, task: str, as_json: bool) -> None:
    """Stops a task; one that has ended is left as it is."""
    with gateway(settings) as client:
        found = client.tasks.cancel(task)
    if as_json:
        output.as_json(output.task(found))
    else:
        click.echo(f"{found.id} is {found.state}")
