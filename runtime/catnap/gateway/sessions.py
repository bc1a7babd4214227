"""Sessions over HTTP: which there are, what their folders hold, back to an
earlier snapshot, and their end.

    /sessions?skill=&session=&limit=                    those of a tenant, or of one user
    /sessions/<skill>/<session>                         one, with its snapshots
    /sessions/<skill>/<session>/files?at=               what its folder holds
    /sessions/<skill>/<session>/files/<path>?at=        one of the files
    /sessions/<skill>/<session>/restore?at=             back to that

at: a snapshot's number or a moment; the head by default. Whose it is says
`Catnap-User`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import msgspec

from catnap.access import Principal, acting_for
from catnap.errors import InvalidRequest, NotFound
from catnap.gateway.gateway import Gateway
from catnap.gateway.query import read_query, whole_number
from catnap.gateway.table import Route
from catnap.http import Request, Response
from catnap.snapshots.manifest import EMPTY, Manifest
from catnap.workspaces import Held, Snapshot, Workspace, chosen

MOST = 1000
"""Sessions in one answer."""


class Taken(msgspec.Struct, frozen=True):
    """A snapshot. size: bytes of all files. taken: seconds since the epoch."""

    number: int
    files: int
    size: int
    taken: float


class Session(msgspec.Struct, frozen=True):
    """used: seconds since the epoch of its last wake or snapshot. head: None
    before the first. snapshots: those it can go back to, the newest first;
    only where one session is asked for."""

    skill: str
    session: str
    user: str
    used: float
    head: Taken | None
    snapshots: list[Taken] = []


class Sessions(msgspec.Struct, frozen=True):
    sessions: list[Session]


class Entry(msgspec.Struct, frozen=True):
    """kind: `file`, `folder` or `link`. path: with a backslash escape for each
    byte that is no UTF-8. mode: the permission bits. modified: seconds since
    the epoch. target: of a link."""

    path: str
    kind: str
    mode: int = 0
    size: int = 0
    modified: float = 0.0
    target: str = ""


class Entries(msgspec.Struct, frozen=True):
    entries: list[Entry]


async def list_(gateway: Gateway, caller: Principal, request: Request) -> Response:
    asked = request.text(b"catnap-user") or ""
    # Who may act for one user only sees that one's.
    user = acting_for(caller, asked) if asked or caller.user is not None else ""
    query = read_query(request)
    limit = whole_number("limit", query.get("limit", ""), MOST, least=1, most=MOST)
    found = await gateway.workspaces.find(
        *(caller.tenant, user, query.get("session", ""), query.get("skill", ""), limit)
    )
    return _answer(Sessions([_session(held) for held in found]))


async def get(
    gateway: Gateway, caller: Principal, request: Request, skill: str, session: str
) -> Response:
    workspace = _workspace(caller, request, skill, session)
    held = await gateway.workspaces.get(workspace)
    return _answer(_session(held, await gateway.workspaces.history(workspace)))


async def files(
    gateway: Gateway, caller: Principal, request: Request, skill: str, session: str
) -> Response:
    workspace = _workspace(caller, request, skill, session)
    return _answer(Entries(_entries(await _manifest(gateway, workspace, request))))


async def content(
    gateway: Gateway, caller: Principal, request: Request, skill: str, session: str, path: str
) -> Response:
    workspace = _workspace(caller, request, skill, session)
    whole = await _manifest(gateway, workspace, request)
    for file in whole.files:
        if file.path == os.fsencode(path):
            headers = [(b"content-type", b"application/octet-stream")]
            return Response(200, headers, gateway.workspaces.content(workspace, whole, file))
    raise NotFound(f"{workspace} holds no file {path!r} there")


async def restore(
    gateway: Gateway, caller: Principal, request: Request, skill: str, session: str
) -> Response:
    """The session's next call finds the folder so. A call at work now goes on
    with the folder that it has, of which nothing more is kept."""
    workspace = _workspace(caller, request, skill, session)
    at = read_query(request).get("at", "")
    if not at:
        raise InvalidRequest("restore where to? Name a snapshot's number or a moment as ?at=")
    snapshot = chosen(await gateway.workspaces.history(workspace), at)
    held = await gateway.workspaces.rewind(workspace, snapshot.number)
    if gateway.keeper is not None:
        gateway.keeper.forget(workspace)
    return _answer(_session(held, await gateway.workspaces.history(workspace)))


async def end(
    gateway: Gateway, caller: Principal, request: Request, skill: str, session: str
) -> Response:
    """Its folder goes, with every snapshot; the next call finds an empty one."""
    workspace = _workspace(caller, request, skill, session)
    await gateway.workspaces.end(workspace)
    if gateway.keeper is not None:
        gateway.keeper.forget(workspace)
    return Response(204)


def _workspace(caller: Principal, request: Request, skill: str, session: str) -> Workspace:
    user = acting_for(caller, request.text(b"catnap-user") or "")
    return Workspace(caller.tenant, user, skill, session)


async def _manifest(gateway: Gateway, workspace: Workspace, request: Request) -> Manifest:
    held = await gateway.workspaces.get(workspace)
    at, snapshot = read_query(request).get("at", ""), held.head
    if at:
        snapshot = chosen(await gateway.workspaces.history(workspace), at)
    return await gateway.workspaces.manifest(workspace, snapshot) if snapshot else EMPTY


def _entries(whole: Manifest) -> list[Entry]:
    def shown(path: bytes) -> str:
        return path.decode("utf-8", "backslashreplace")

    found = [
        *(Entry(shown(each.path), "folder", each.mode) for each in whole.folders),
        *(
            Entry(shown(each.path), "file", each.mode, each.size, each.modified / 1e9)
            for each in whole.files
        ),
        *(Entry(shown(each.path), "link", target=shown(each.target)) for each in whole.links),
    ]
    return sorted(found, key=lambda entry: entry.path)


def _session(held: Held, history: Sequence[Snapshot] = ()) -> Session:
    return Session(
        skill=held.workspace.skill,
        session=held.workspace.session,
        user=held.workspace.user,
        used=held.used,
        head=_taken(held.head) if held.head else None,
        snapshots=[_taken(each) for each in history],
    )


def _taken(snapshot: Snapshot) -> Taken:
    return Taken(snapshot.number, snapshot.files, snapshot.size, snapshot.taken)


def _answer(value: object) -> Response:
    return Response.json(msgspec.json.encode(value))


_ONE = "/sessions/{skill}/{session}"
ROUTES = (
    Route("GET", "/sessions", "sessions.read", list_),
    Route("GET", _ONE, "sessions.read", get),
    Route("DELETE", _ONE, "sessions.write", end),
    Route("GET", f"{_ONE}/files", "sessions.read", files),
    Route("GET", f"{_ONE}/files/{{path...}}", "sessions.read", content),
    Route("POST", f"{_ONE}/restore", "sessions.write", restore),
)
