"""catnap sessions."""

from __future__ import annotations

import asyncio
import stat
import sys
from typing import Any
from urllib.parse import quote, urlencode

import click
import msgspec

from catnap.cli import output
from catnap.cli.admin import ADMIN, ask, stream
from catnap.cli.options import Group, for_user, with_json, with_settings
from catnap.cli.settings import Settings


class _Taken(msgspec.Struct):
    number: int
    files: int
    size: int
    taken: float


class _Session(msgspec.Struct):
    skill: str
    session: str
    user: str
    used: float
    head: _Taken | None
    snapshots: list[_Taken] = []


class _Sessions(msgspec.Struct):
    sessions: list[_Session]


class _Entry(msgspec.Struct):
    path: str
    kind: str
    mode: int
    size: int
    modified: float
    target: str


class _Entries(msgspec.Struct):
    entries: list[_Entry]


@click.group(cls=Group)
def sessions() -> None:
    """Sessions whose folders are kept: those of skills with a workspace.

    \b
    catnap sessions list --user ada
    catnap sessions files coder s1 --user ada
    catnap sessions restore coder s1 --at 3 --user ada
    """


def with_session(function: Any) -> Any:
    return click.argument("skill")(click.argument("session")(function))


@sessions.command("list")
@click.option("--skill", default="", help="At this skill alone.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000))
@for_user
@with_json
@with_settings(*ADMIN)
def list_(settings: Settings, skill: str, limit: int, user: str, as_json: bool) -> None:
    """Lists sessions, the last used first. Without --user, of all users that
    your credential may act for."""
    query = urlencode({"skill": skill, "limit": limit})
    found = ask(settings, "GET", f"/sessions?{query}", _Sessions, user=user).sessions
    if as_json:
        output.as_json([_document(each) for each in found])
        return
    output.table(
        ("skill", "session", "user", "files", "size", "snapshot", "used"),
        [
            (
                *(each.skill, each.session, each.user),
                *((each.head.files, output.size(each.head.size)) if each.head else (0, "0 B")),
                each.head.number if each.head else "",
                output.when(each.used),
            )
            for each in found
        ],
        empty="no sessions",
        numbers=("files", "size", "snapshot"),
    )


@sessions.command()
@with_session
@for_user
@with_json
@with_settings(*ADMIN)
def show(settings: Settings, skill: str, session: str, user: str, as_json: bool) -> None:
    """Shows a SESSION at a SKILL, and the snapshots that it can go back to."""
    _show(ask(settings, "GET", _path(skill, session), _Session, user=user), as_json)


@sessions.command()
@with_session
@click.argument("path", required=False)
@click.option("--at", default="", metavar="WHEN", help="A snapshot's number, or a moment.")
@for_user
@with_json
@with_settings(*ADMIN)
def files(
    settings: Settings,
    skill: str,
    session: str,
    path: str | None,
    at: str,
    user: str,
    as_json: bool,
) -> None:
    """Lists what the folder of a SESSION holds, or prints the file PATH of it.

    \b
    catnap sessions files coder s1
    catnap sessions files coder s1 src/main.py --at 3
    """
    query = f"?{urlencode({'at': at})}" if at else ""
    where = _path(skill, session, "files")
    if path is not None:
        out = sys.stdout.buffer
        asyncio.run(stream(settings, f"{where}/{quote(path)}{query}", out.write, user=user))
        return
    found = ask(settings, "GET", where + query, _Entries, user=user).entries
    if as_json:
        output.as_json(found)
        return
    kinds = {"file": stat.S_IFREG, "folder": stat.S_IFDIR, "link": stat.S_IFLNK | 0o777}
    output.table(
        ("mode", "size", "modified", "path"),
        [
            (
                stat.filemode(kinds[each.kind] | each.mode),
                output.size(each.size) if each.kind == "file" else "",
                output.when(each.modified),
                f"{each.path} -> {each.target}" if each.target else each.path,
            )
            for each in found
        ],
        empty="the folder is empty",
    )


@sessions.command()
@with_session
@click.option(
    "--at", required=True, metavar="WHEN", help="A snapshot's number, or a moment in RFC 3339."
)
@for_user
@with_json
@with_settings(*ADMIN)
def restore(
    settings: Settings, skill: str, session: str, at: str, user: str, as_json: bool
) -> None:
    """Takes the folder of a SESSION back to an earlier snapshot.

    Its next call finds it so. A call at work goes on with the folder that it
    has, of which nothing more is kept. Snapshots since then stay.

    \b
    catnap sessions restore coder s1 --at 3
    catnap sessions restore coder s1 --at 2026-02-01T09:30:00Z
    """
    path = _path(skill, session, "restore") + f"?{urlencode({'at': at})}"
    _show(ask(settings, "POST", path, _Session, user=user), as_json)


@sessions.command()
@with_session
@for_user
@with_json
@with_settings(*ADMIN)
def end(settings: Settings, skill: str, session: str, user: str, as_json: bool) -> None:
    """Ends a SESSION at a SKILL: its folder and every snapshot of it go."""
    ask(settings, "DELETE", _path(skill, session), type(None), user=user)
    if as_json:
        output.as_json({"skill": skill, "session": session, "ended": True})
    else:
        click.echo(f"session {session} at {skill} has ended")


def _path(skill: str, session: str, part: str = "") -> str:
    return f"/sessions/{quote(skill, '')}/{quote(session, '')}{part and '/' + part}"


def _show(found: _Session, as_json: bool) -> None:
    if as_json:
        output.as_json(_document(found))
        return
    click.echo(f"{found.session} at {found.skill}, of {found.user}, used {output.when(found.used)}")
    output.table(
        ("snapshot", "taken", "files", "size", ""),
        [
            (
                *(each.number, output.when(each.taken), each.files, output.size(each.size)),
                "now" if found.head and each.number == found.head.number else "",
            )
            for each in found.snapshots
        ],
        empty="no snapshot yet",
        numbers=("snapshot", "files", "size"),
    )


def _document(found: _Session) -> dict[str, Any]:
    def taken(each: _Taken) -> dict[str, Any]:
        return {**msgspec.structs.asdict(each), "taken": output.rfc3339(each.taken)}

    return {
        **msgspec.structs.asdict(found),
        "used": output.rfc3339(found.used),
        "head": taken(found.head) if found.head else None,
        "snapshots": [taken(each) for each in found.snapshots],
    }
