"""What a command asks of a running gateway about what it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import quote, urlencode

import msgspec

from catnap.cli.connection import http_client, token, unreachable
from catnap.cli.options import TLS
from catnap.cli.settings import Settings
from catnap.errors import InvalidRequest, Unavailable, from_problem
from catnap.http import Target

T = TypeVar("T")
ADMIN = ("http", "token", "home", *TLS)
"""Settings of a command that does so."""


def skill_path(name: str, part: str = "", tenant: str = "") -> str:
    """Where a skill is looked at and changed. tenant: empty for the caller's."""
    return f"/platform/skills/{quote(name, '')}{part and '/' + part}{of_tenant(tenant)}"


def of_tenant(tenant: str) -> str:
    """The query of a path; empty for the caller's own."""
    return f"?{urlencode({'tenant': tenant})}" if tenant else ""


def ask(
    settings: Settings,
    method: str,
    path: str,
    answer: type[T],
    body: object = None,
    *,
    if_match: str = "",
    user: str = "",
) -> T:
    """body: bytes as they are, and anything else as JSON. if_match: the version
    that is meant; Conflict where there is another.
    user: whom it is for; empty for the credential's own.
    Raises the gateway's own errors, and Unavailable where nobody answers."""
    return asyncio.run(_ask(settings, method, path, answer, body, if_match, user))[0]


def look(settings: Settings, path: str, answer: type[T]) -> tuple[T, str]:
    """What is there, and the version of it that may be changed; empty where
    none may. Raises as `ask`."""
    return asyncio.run(_ask(settings, "GET", path, answer, None, ""))


async def stream(
    settings: Settings, path: str, take: Callable[[bytes], object], *, user: str = ""
) -> None:
    """Gives an answer on, part by part. Raises as `ask`."""
    client = http_client(settings)
    try:
        try:
            reply = await client.request(
                Target.parse(settings.http), "GET", path, _who(settings, user)
            )
        except Unavailable as error:
            raise unreachable(settings.http, "http", error) from None
        if reply.status >= 400:
            raise from_problem(reply.status, await reply.read())
        async for part in reply.body:
            take(part)
    finally:
        await client.close()


def _who(settings: Settings, user: str = "") -> list[tuple[bytes, bytes]]:
    bearer = token(settings, settings.http)
    who = [(b"authorization", f"Bearer {bearer}".encode())] if bearer else []
    return [*who, (b"catnap-user", user.encode())] if user else who


async def _ask(
    settings: Settings,
    method: str,
    path: str,
    answer: type[T],
    body: object,
    if_match: str,
    user: str = "",
) -> tuple[T, str]:
    headers = _who(settings, user)
    if if_match:
        headers.append((b"if-match", if_match.encode()))
    sent = b""
    if isinstance(body, bytes):
        headers.append((b"content-type", b"application/octet-stream"))
        sent = body
    elif body is not None:
        headers.append((b"content-type", b"application/json"))
        sent = msgspec.json.encode(body)
    client = http_client(settings)
    try:
        reply = await client.request(Target.parse(settings.http), method, path, headers, sent)
        data = await reply.read()
    except Unavailable as error:
        raise unreachable(settings.http, "http", error) from None
    finally:
        await client.close()
    if reply.status >= 400:
        raise from_problem(reply.status, data)
    try:
        found = msgspec.json.decode(data or b"null", type=answer)
    except msgspec.DecodeError as error:
        raise InvalidRequest(f"{settings.http} is no Catnap gateway: {error}") from None
    return found, reply.headers.get(b"etag", b"").decode("latin-1")
