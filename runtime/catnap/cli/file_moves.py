"""catnap files cp and mv."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypedDict

import click

from catnap.cli import output
from catnap.cli.connection import gateway
from catnap.cli.options import CLIENT, Command, with_json, with_settings
from catnap.cli.scope import in_scope
from catnap.cli.settings import Settings
from catnap.cli.transfer import copies, count
from catnap.client import Client, File
from catnap.client.options import Scope
from catnap.errors import Conflict, NotFound


class _Source(TypedDict):
    source_session: str
    source_task: str


def _from(context: click.Context, parameter: click.Parameter, given: str | None) -> _Source | None:
    if given is None:
        return None
    kind, _, its_id = given.partition(":")
    if given != "user" and (kind not in ("session", "task") or not its_id):
        raise click.BadParameter("write user, session:ID or task:ID.", param=parameter)
    return {
        "source_session": its_id if kind == "session" else "",
        "source_task": its_id if kind == "task" else "",
    }


def _told(function: Callable[..., Any]) -> Callable[..., Any]:
    """The arguments and options of both commands."""
    for decorate in (
        with_settings(*CLIENT),
        with_json,
        in_scope,
        click.option("--force", is_flag=True, help="Overwrite what is there."),
        click.option(
            "--from",
            "source_scope",
            metavar="SCOPE",
            callback=_from,
            help="Where SOURCE is: user, session:ID or task:ID. Default: where TARGET is.",
        ),
        click.argument("target"),
        click.argument("source"),
    ):
        function = decorate(function)
    return function


@click.command(cls=Command)
@_told
def cp(settings: Settings, as_json: bool, **asked: Any) -> None:
    """Copies the file SOURCE to TARGET, without its content passing by here.

    A TARGET that ends in a slash keeps the name. A SOURCE that ends in a slash
    stands for every file below it, and TARGET for a folder. --session and
    --task say whose TARGET is, --from whose SOURCE is; both are the same user's.

    \b
    catnap files cp report.pdf 2026/report.pdf --user ada
    catnap files cp notes/ backup/notes/ --user ada
    catnap files cp result.parquet results/ --from task:TASK --user ada
    catnap files cp style.css ./ --session s1 --from user --user ada
    """
    _show(_all(settings, move=False, **asked), "copied", as_json)


@click.command(cls=Command)
@_told
def mv(settings: Settings, as_json: bool, **asked: Any) -> None:
    """Moves the file SOURCE to TARGET: a copy, and SOURCE is removed if it is
    still what was copied.

    A TARGET that ends in a slash keeps the name. A SOURCE that ends in a slash
    stands for every file below it, and TARGET for a folder. --session and
    --task say whose TARGET is, --from whose SOURCE is; both are the same user's.

    \b
    catnap files mv draft.md report.md --user ada
    catnap files mv inbox/ archive/2026/ --user ada
    catnap files mv report.md ./ --from session:s1 --user ada
    """
    _show(_all(settings, move=True, **asked), "moved", as_json)


def _all(
    settings: Settings,
    *,
    source: str,
    target: str,
    source_scope: _Source | None,
    scope: Scope,
    force: bool,
    move: bool,
) -> list[File]:
    there: _Source = source_scope or {
        "source_session": scope.get("session", ""),
        "source_task": scope.get("task", ""),
    }
    with gateway(settings) as client:
        return [
            _one(client, *pair, there, scope, force=force, move=move)
            for pair in copies(source, target, _below(client, source, there, scope))
        ]


def _below(client: Client, source: str, there: _Source, scope: Scope) -> list[str]:
    """The keys that SOURCE stands for."""
    if not source.endswith("/"):
        return [source]
    found = client.files.list(
        source,
        user=scope.get("user", ""),
        session=there["source_session"],
        task=there["source_task"],
    )
    keys = [file.key for file in found]
    if not keys:
        raise NotFound(f"no file below {source!r}: `catnap files list` shows what there is")
    return keys


def _one(
    client: Client, source: str, key: str, there: _Source, scope: Scope, *, force: bool, move: bool
) -> File:
    condition = "" if force else "*"
    try:
        return client.files.copy(source, key, move=move, if_none_match=condition, **there, **scope)
    except Conflict:
        if not force and any(file.key == key for file in client.files.list(key, **scope)):
            raise Conflict(
                f"{key} exists already: give --force to overwrite it, or another TARGET"
            ) from None
        raise


def _show(made: list[File], done: str, as_json: bool) -> None:
    if as_json:
        output.as_json(made)
        return
    where = made[0].key if len(made) == 1 else count(len(made))
    click.echo(f"{done} {where}, {output.size(sum(file.size for file in made))}")
