"""Keys over HTTP: made, rotated, revoked and listed. A secret is in the one
answer that made it."""

from __future__ import annotations

import time
from typing import TypeVar

import msgspec

from catnap.access import Principal, asking
from catnap.access.key_rows import Issued
from catnap.access.key_store import Wanted
from catnap.errors import InvalidRequest
from catnap.gateway.door import asked_tenant
from catnap.gateway.gateway import Gateway
from catnap.http import Request, Response

T = TypeVar("T")
OVERLAP = 86400.0
"""Seconds for which a key that was rotated is good, where nobody says."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """state: live, expired or revoked. secret: only of a key just made."""

    key: Issued
    state: str
    secret: str = ""


class _Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    overlap: float = OVERLAP


class _Keys(msgspec.Struct, frozen=True):
    keys: list[Shown]


class _Ended(msgspec.Struct, frozen=True):
    """keys: that were revoked. left: what the user gets in with all the same,
    the settings' own keys."""

    keys: list[Shown]
    left: list[str]


async def list_(gateway: Gateway, caller: Principal, request: Request) -> Response:
    found = await gateway.issued.of(_tenant(caller, request))
    return _answer(_Keys([_shown(each) for each in found]))


async def create(gateway: Gateway, caller: Principal, request: Request) -> Response:
    wanted = _decoded(await request.body.read(), Wanted)
    user = wanted.user if wanted.user is not None else "any"
    asking.detail(f"key {wanted.name}: user {user}, roles {', '.join(wanted.roles)}")
    key, secret = await gateway.issued.create(caller, _tenant(caller, request), wanted)
    return _answer(_shown(key, secret), 201)


async def rotate(gateway: Gateway, caller: Principal, request: Request, key: str) -> Response:
    overlap = _decoded(await request.body.read() or b"{}", _Rotation).overlap
    made, secret = await gateway.issued.rotate(caller, _tenant(caller, request), key, overlap)
    asking.detail(f"key {made.name}: another secret")
    return _answer(_shown(made, secret), 201)


async def revoke(gateway: Gateway, caller: Principal, request: Request, key: str) -> Response:
    found = await gateway.issued.revoke(caller, _tenant(caller, request), key)
    asking.detail(f"key {found[0].name}: revoked")
    return _answer(_Keys([_shown(each) for each in found]))


async def end_user(gateway: Gateway, caller: Principal, request: Request, user: str) -> Response:
    tenant = _tenant(caller, request)
    found = await gateway.issued.end_user(caller, tenant, user)
    asking.detail(f"user {user}: every credential ended, {len(found)} keys among them")
    return _answer(_Ended([_shown(each) for each in found], gateway.keys.fixed(tenant, user)))


def _tenant(caller: Principal, request: Request) -> str:
    return asked_tenant(request) or caller.tenant


def _shown(key: Issued, secret: str = "") -> Shown:
    return Shown(key=key, state=key.state(time.time()), secret=secret)


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"the key cannot be read: {error}") from None


def _answer(value: object, status: int = 200) -> Response:
    response = Response.json(msgspec.json.encode(value), status)
    response.headers.append((b"cache-control", b"no-store"))
    return response
