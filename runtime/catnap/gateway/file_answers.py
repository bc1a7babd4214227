"""A scope's files over HTTP: what every surface that has found out whose they
are answers alike. Source: RFC 9110, sections 13 and 14."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from email.utils import format_datetime
from functools import wraps
from typing import Concatenate, Literal, ParamSpec, TypeVar

import msgspec

from catnap.errors import Conflict, InvalidRequest
from catnap.files import Files, Scope, Stat, Written, to_file
from catnap.files.checks import with_size
from catnap.files.links import MAX_SECONDS, SECONDS, Link, check_seconds
from catnap.files.sharing import Sharing
from catnap.files.spans import WHOLE, parse_range
from catnap.gateway.query import read_query, whole_number
from catnap.http import Request, Response
from catnap.skills.files import Page, Shared

Headers = list[tuple[bytes, bytes]]
ScopeOf = Callable[[str], Scope]
Asked = TypeVar("Asked")
P = ParamSpec("P")
Conditional = Callable[Concatenate[Files, Scope, str, Request, P], Awaitable[Response]]


class Transfer(msgspec.Struct, forbid_unknown_fields=True):
    """What a POST asks: to write here what `key` of `scope` holds. etag: the
    version that it must be at."""

    do: Literal["copy", "move"]
    key: str
    scope: str = "user"
    etag: str = ""


class Upload(msgspec.Struct, forbid_unknown_fields=True):
    """What a link to write by is wanted for. part_size: bytes of each part,
    where there is to be a link for each."""

    size: int
    content_type: str = ""
    seconds: int = SECONDS
    part_size: int = 0


def _conditional(handler: Conditional[P]) -> Conditional[P]:
    """Where the request makes a condition, and it does not hold, HTTP has 412
    for the Conflict that it is."""

    @wraps(handler)
    async def wrapped(
        files: Files,
        scope: Scope,
        key: str,
        request: Request,
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Response:
        try:
            return await handler(files, scope, key, request, *args, **kwargs)
        except Conflict as error:
            if request.headers.keys() & {b"if-match", b"if-none-match"}:
                return Response.error(error, 412)
            raise

    return wrapped


async def listing(files: Files, scope: Scope, request: Request) -> Response:
    query = _query(request, "prefix", "page_size", "page_token")
    page = await files.list(
        scope,
        query["prefix"],
        page_size=whole_number("page_size", query["page_size"], 0),
        page_token=query["page_token"],
    )
    found = Page([to_file(stat) for stat in page.files], page.next)
    return Response.json(msgspec.json.encode(found))


@_conditional
async def read(files: Files, scope: Scope, key: str, request: Request) -> Response:
    span = parse_range(request.text(b"range") or "")
    if_match = request.text(b"if-match") or ""
    if span != WHOLE and (version := request.text(b"if-range")):
        try:
            stat, content = await files.get(scope, key, span, if_match=version)
        except Conflict:
            # Of another version a part is of no use to who has the rest.
            span = WHOLE
            stat, content = await files.get(scope, key, if_match=if_match)
    else:
        stat, content = await files.get(scope, key, span, if_match=if_match)
    if _has(request.text(b"if-none-match"), stat):
        await content.aclose()
        return Response(304, _about(stat))
    start, stop = span.within(stat.size)
    headers = [*_about(stat), (b"content-length", b"%d" % (stop - start))]
    if span == WHOLE:
        return Response(200, headers, content)
    if not stat.size:
        return Response(200, headers, content)  # no range says that there is nothing
    headers.append((b"content-range", b"bytes %d-%d/%d" % (start, stop - 1, stat.size)))
    return Response(206, headers, content)


async def stat(files: Files, scope: Scope, key: str, request: Request) -> Response:
    found = await files.stat(scope, key)
    if _has(request.text(b"if-none-match"), found):
        return Response(304, _about(found))
    return Response(200, [*_about(found), (b"content-length", b"%d" % found.size)])


@_conditional
async def write(
    files: Files, scope: Scope, key: str, request: Request, link: Link | None = None
) -> Response:
    """link: what the file is written by, where it is not a credential."""
    if link and link.upload:
        return _written(await files.bring(scope, key, link.upload, link.size))
    written = await files.put(
        scope,
        key,
        with_size(request.body, link.size) if link else request.body,
        content_type=link.content_type if link else request.text(b"content-type") or "",
        digest=request.text(b"content-digest") or "",
        **_conditions(request),
    )
    return _written(written)


@_conditional
async def transfer(
    files: Files, scope: Scope, key: str, request: Request, scope_of: ScopeOf
) -> Response:
    asked = await _asked(request, Transfer)
    source = scope_of(asked.scope)
    if asked.do == "copy":
        written = await files.copy(
            source, asked.key, scope, key, version=asked.etag, **_conditions(request)
        )
    else:
        written = await files.move(
            source, asked.key, scope, key, version=asked.etag, **_conditions(request)
        )
    return _written(written)


@_conditional
async def remove(files: Files, scope: Scope, key: str, request: Request) -> Response:
    await files.delete(scope, key, if_match=request.text(b"if-match") or "")
    return Response(204)


async def download_link(
    sharing: Sharing,
    scope: Scope,
    key: str,
    request: Request,
    roles: frozenset[str],
    usual: int = SECONDS,
) -> Response:
    """usual: for how many seconds, where the request does not say."""
    asked = _query(request, "seconds")["seconds"]
    seconds = whole_number("seconds", asked, usual)
    return _shared(await sharing.download(scope, key, seconds, roles))


async def upload_link(
    sharing: Sharing,
    scope: Scope,
    key: str,
    request: Request,
    roles: frozenset[str],
    most: int = MAX_SECONDS,
) -> Response:
    """most: for how many seconds, whatever the request says."""
    asked = await _asked(request, Upload)
    seconds = min(check_seconds(asked.seconds), most)
    return _shared(
        await sharing.upload(
            *(scope, key, asked.size, asked.content_type, seconds, roles, asked.part_size)
        )
    )


def _shared(shared: Shared) -> Response:
    response = Response.json(msgspec.json.encode(shared))
    response.headers.append((b"cache-control", b"no-store"))
    return response


def _written(written: Written) -> Response:
    file = msgspec.json.encode(to_file(written.stat))
    response = Response.json(file, 201 if written.created else 200)
    response.headers.append((b"etag", _quoted(written.stat)))
    return response


def _about(stat: Stat) -> Headers:
    file = to_file(stat)
    return [
        (b"content-type", file.content_type.encode()),
        (b"etag", _quoted(stat)),
        (b"last-modified", format_datetime(stat.modified, usegmt=True).encode()),
        (b"accept-ranges", b"bytes"),
        (b"catnap-size", b"%d" % file.size),
        (b"catnap-modified", file.modified.encode()),
        # A file is not a page of ours, whatever type its writer gave it.
        (b"x-content-type-options", b"nosniff"),
        (b"content-security-policy", b"sandbox; default-src 'none'"),
    ]


def _quoted(stat: Stat) -> bytes:
    return b'"%b"' % stat.etag.encode()


def _has(if_none_match: str | None, stat: Stat) -> bool:
    """Whether the client, as it says, has this version already."""
    if if_none_match is None:
        return False
    known = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return "*" in known or f'"{stat.etag}"' in known


def _conditions(request: Request) -> dict[str, str]:
    return {
        "if_match": request.text(b"if-match") or "",
        "if_none_match": request.text(b"if-none-match") or "",
    }


async def _asked(request: Request, kind: type[Asked]) -> Asked:
    try:
        return msgspec.json.decode(await request.body.read(64 * 1024), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{request.method} {request.path[:80]}: {error}") from None


def _query(request: Request, *names: str) -> dict[str, str]:
    """The query's values, empty where there is none. Raises InvalidRequest
    where it is no UTF-8."""
    try:
        found = read_query(request, errors="strict")
    except ValueError as error:
        raise InvalidRequest(f"the query: {error}") from None
    return {name: found.get(name, "") for name in names}
