"""What a command asks of a running gateway about what it runs."""

from __future__ import annotations

import asyncio
from typing import TypeVar
from urllib.parse import quote, urlencode

import msgspec

from catnap.cli.connection import token, unreachable
from catnap.cli.settings import Settings
from catnap.errors import InvalidRequest, Unavailable, from_problem
from catnap.http import Client, Target

T = TypeVar("T")
ADMIN = ("http", "token", "home")
"""Settings of a command that does so."""


def skill_path(name: str, part: str = "", tenant: str = "") -> str:
    """Where a skill is looked at and changed. tenant: empty for the caller's."""
    query = f"?{urlencode({'tenant': tenant})}" if tenant else ""
    return f"/platform/skills/{quote(name, '')}{part and '/' + part}{query}"


def ask(
    settings: Settings,
    method: str,
    path: str,
    answer: type[T],
    body: object = None,
) -> T:
    """Raises the gateway's own errors, and Unavailable where nobody answers."""
    status, data = asyncio.run(_ask(settings, method, path, body))
    if status >= 400:
        raise from_problem(status, data)
    try:
        return msgspec.json.decode(data or b"null", type=answer)
    except msgspec.DecodeError as error:
        raise InvalidRequest(f"{settings.http} is no Catnap gateway: {error}") from None


async def _ask(settings: Settings, method: str, path: str, body: object) -> tuple[int, bytes]:
    headers = []
    bearer = token(settings, settings.http)
    if bearer:
        headers.append((b"authorization", f"Bearer {bearer}".encode()))
    sent = b""
    if body is not None:
        headers.append((b"content-type", b"application/json"))
        sent = msgspec.json.encode(body)
    client = Client()
    try:
        reply = await client.request(Target.parse(settings.http), method, path, headers, sent)
        return reply.status, await reply.read()
    except Unavailable:
        raise unreachable(settings.http, "http") from None
    finally:
        await client.close()
