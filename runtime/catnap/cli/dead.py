"""catnap dead."""

from __future__ import annotations

import click

from catnap.cli import exits, output
from catnap.cli.connection import gateway
from catnap.cli.options import CLIENT, Group, for_user, with_json, with_settings
from catnap.cli.settings import Settings
from catnap.cli.tasks import show_tasks
from catnap.client import Task, TaskState
from catnap.errors import CatnapError, InvalidRequest, NotFound


@click.group(cls=Group)
def dead() -> None:
    """Tasks whose every attempt failed, kept until they are sent again."""


@dead.command("list")
@click.option("--skill", default="", help="Only this skill's.")
@for_user
@with_json
@with_settings(*CLIENT)
def list_(settings: Settings, skill: str, user: str, as_json: bool) -> None:
    """Lists dead tasks with their last error, newest first."""
    with gateway(settings) as client:
        found = list(client.tasks.list(states=[TaskState.DEAD], skill=skill, user=user))
    show_tasks(found, as_json, empty="no dead tasks")


@dead.command()
@click.argument("tasks", nargs=-1, metavar="[TASK...]")
@click.option("--all", "every", is_flag=True, help="Every dead task.")
@click.option("--skill", default="", help="With --all: only this skill's.")
@with_json
@with_settings(*CLIENT)
def redrive(
    settings: Settings, tasks: tuple[str, ...], every: bool, skill: str, as_json: bool
) -> None:
    """Queues dead tasks again, with a fresh set of attempts.

    With --all, a task that is no longer dead when its turn comes is left as it
    is, and named at the end.

    \b
    catnap dead redrive 0198c4f2
    catnap dead redrive --all --skill document-search
    """
    if bool(tasks) == every:
        raise click.UsageError("Give the tasks' ids, or --all.")
    if skill and not every:
        raise click.UsageError("--skill goes with --all.")
    with gateway(settings) as client:
        chosen = list(tasks)
        if every:
            listed = client.tasks.list(states=[TaskState.DEAD], skill=skill)
            chosen = [task.id for task in listed]
        queued: list[Task] = []
        changed: list[CatnapError] = []
        for task in chosen:
            try:
                queued.append(client.tasks.redrive(task))
            except (InvalidRequest, NotFound) as error:
                if not every:
                    raise
                changed.append(error)
    if as_json:
        output.as_json([output.task(task) for task in queued])
    else:
        for done in queued:
            click.echo(f"{done.id} is {done.state}")
    for reason in changed:
        output.note(f"changed meanwhile: {exits.line(reason)}")
    if not chosen and not as_json:
        output.note("no dead tasks")
