"""Who may do what, asked with certificates: every route and every method, by the
same tables as with keys."""

from __future__ import annotations

from pathlib import Path

import grpc
from grpc import aio

from catnap.access.mtls import ClientName
from catnap.http import Client
from tests.access.test_decision import COLUMNS
from tests.gateway.decisions import ADMIN_ONLY, GRPC, HTTP, PUBLIC
from tests.gateway.test_matrix import NOBODY, Asked, World, expected
from tests.gateway.test_tls import running

STRANGER = "stranger"
"""Whom no rule is about."""

RULES = tuple(
    ClientName(name=f"spiffe://acme.example/{role}", tenant="acme", roles=(role,))
    for role in (*COLUMNS, NOBODY)
)


def wanted(where: str, action: str, role: str) -> str:
    if role == STRANGER and action != PUBLIC:
        return "unknown"
    if where in ADMIN_ONLY and role != "admin":
        return "denied"
    return expected(action, role)


async def test_each_role_of_a_certificate_opens_what_it_opens_of_a_key(tmp_path: Path) -> None:
    got: Asked = {}
    want: Asked = {}
    async with running(tmp_path, clients=True, rules=RULES) as found:
        for role in (*COLUMNS, NOBODY, STRANGER):
            own = found.authority.issue(role, f"spiffe://acme.example/{role}")
            shown = grpc.ssl_channel_credentials(
                found.authority.file.read_bytes(), own.key.read_bytes(), own.cert.read_bytes()
            )
            client = Client(tls=found.authority.trusted(own))
            async with aio.secure_channel(found.grpc.removeprefix("https://"), shown) as channel:
                world = World(found.gateway, found.http, client, channel)
                for route, action in HTTP.items():
                    got[route, role] = await world.http(route, "")
                    want[route, role] = wanted(route, action, role)
                for method, action in GRPC.items():
                    got[method, role] = await world.grpc(method, "")
                    want[method, role] = wanted(method, action, role)
            await client.close()
    assert {each: got[each] for each in want if want[each] != got[each]} == {}
