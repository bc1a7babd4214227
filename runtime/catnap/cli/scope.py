"""Whose files a command is about."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from catnap.cli.options import for_session, for_user
from catnap.client.options import Scope


def in_scope(function: Callable[..., Any]) -> Callable[..., Any]:
    """--user, --session and --task, given to the command as `scope`.

    Raises click.UsageError where both a session and a task are named.
    """

    @functools.wraps(function)
    def command(*arguments: Any, user: str, session: str, task: str, **options: Any) -> Any:
        if session and task:
            raise click.UsageError("Give --session or --task: files belong to one of them.")
        scope: Scope = {"user": user, "session": session, "task": task}
        return function(*arguments, scope=scope, **options)

    of_task = click.option("--task", default="", help="The task whose files they are.")
    return for_user(for_session(of_task(command)))
