"""/keys, and the commands that ask it."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from catnap.cli.app import run
from catnap.client.aio import connect
from catnap.errors import Unauthenticated
from catnap.gateway.gateway import Gateway
from catnap.gateway.rpc import serve_grpc
from catnap.http import Client, Target
from tests.gateway.local import ACME, started

ADMIN = "admin-key-0123456789"
MAIN = "from catnap import skill\n@skill\ndef main(ctx, request: dict) -> str: return ctx.user\n"


@dataclass
class World:
    gateway: Gateway
    where: Target
    grpc: str
    client: Client
    capsys: pytest.CaptureFixture[str]

    async def ask(
        self, method: str, path: str, body: Any = None, key: str = ADMIN
    ) -> tuple[int, Any]:
        fields = [(b"authorization", f"Bearer {key}".encode())]
        sent = b"" if body is None else json.dumps(body).encode()
        reply = await self.client.request(self.where, method, path, fields, sent)
        data = await reply.read()
        return reply.status, json.loads(data) if data else None

    async def cli(self, *argv: str, token: str = ADMIN) -> tuple[int, str, str]:
        flags = ("--http", str(self.where), "--token", token)
        status = await asyncio.to_thread(run, (*argv, *flags))
        out, err = self.capsys.readouterr()
        return status, out, err


@pytest.fixture
async def world(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    skill = tmp_path / "skills" / "who"
    skill.mkdir(parents=True)
    (skill / "skill.toml").write_text('name = "who"\ndescription = "Tells who asks."\n')
    (skill / "main.py").write_text(MAIN)
    monkeypatch.chdir(tmp_path)
    client = Client()
    async with started(tmp_path, skill) as (gateway, where):
        rpc = await serve_grpc(gateway, "127.0.0.1:0")
        yield World(gateway, where, f"127.0.0.1:{rpc.port}", client, capsys)
        await rpc.stop(0)
        await client.close()


async def test_a_key_that_was_made_calls_a_skill_over_http_and_grpc(world: World) -> None:
    status, made = await world.ask("POST", "/keys?tenant=acme", {"name": "ada", "user": "ada"})
    assert status == 201
    assert made["state"] == "live"
    assert await world.ask("POST", "/skills/who", {}, made["secret"]) == (200, "ada")
    async with connect(world.grpc, made["secret"]) as catnap:
        assert (await catnap.invoke("who", {})).json() == "ada"
        status, _ = await world.ask("DELETE", "/keys/ada?tenant=acme")
        assert status == 200
        with pytest.raises(Unauthenticated, match="not known"):
            await catnap.invoke("who", {})
    assert (await world.ask("POST", "/skills/who", {}, made["secret"]))[0] == 401


async def test_a_role_for_some_skills_calls_no_other(world: World) -> None:
    for pattern, expected in (("caller:wh*", 200), ("caller:whom", 403)):
        _, made = await world.ask("POST", "/keys", {"name": pattern, "roles": [pattern]})
        assert (await world.ask("POST", "/skills/who", {}, made["secret"]))[0] == expected


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/keys"),
        ("POST", "/keys"),
        ("POST", "/keys/ada/rotate"),
        ("DELETE", "/keys/ada"),
        ("GET", "/keys?tenant=rival"),
    ],
)
async def test_a_caller_has_no_business_with_keys(world: World, method: str, path: str) -> None:
    assert (await world.ask(method, path, {}, ACME))[0] == 403


async def test_keys_are_made_listed_rotated_and_revoked_by_command(world: World) -> None:
    status, secret, note = await world.cli("keys", "create", "core", "--expires", "90d")
    assert status == 0
    assert "shown only now" in note
    status, out, _ = await world.cli("keys", "list")
    assert status == 0
    assert "core" in out
    assert secret.strip() not in out
    assert (await world.ask("GET", "/skills", key=secret.strip()))[0] == 200
    status, out, _ = await world.cli("keys", "rotate", "core", "--overlap", "0s", "--json")
    rotated = json.loads(out)
    assert (rotated["name"], rotated["state"]) == ("core", "live")
    assert (await world.ask("GET", "/skills", key=secret.strip()))[0] == 401
    assert (await world.ask("GET", "/skills", key=rotated["secret"]))[0] == 200
    status, out, _ = await world.cli("keys", "revoke", "core")
    assert out == f"{rotated['id']} core is revoked\n"
    assert (await world.ask("GET", "/skills", key=rotated["secret"]))[0] == 401
    status, out, _ = await world.cli("keys", "list", "--json")
    assert json.loads(out) == []
    status, out, _ = await world.cli("keys", "list", "--json", "--all")
    assert sorted(each["state"] for each in json.loads(out)) == ["expired", "revoked"]
    assert "secret" not in out
    status, _, err = await world.cli("keys", "revoke", "core")
    assert status != 0
    assert "'core'" in err


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"name": 1}', b'{"name": "n", "admin": true}', b"\xff"]
)
async def test_what_asks_for_no_key_is_refused(world: World, body: bytes) -> None:
    fields = [(b"authorization", f"Bearer {ADMIN}".encode())]
    reply = await world.client.request(world.where, "POST", "/keys", fields, body)
    await reply.read()
    assert reply.status == 400


async def test_who_logged_in_needs_to_say_no_key_again(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("CATNAP_TOKEN", raising=False)
    at = ("--http", str(world.where))

    async def cli(*argv: str) -> tuple[int, str]:
        status = await asyncio.to_thread(run, (*argv, *at))
        return status, world.capsys.readouterr().err

    _, made = await world.ask("POST", "/keys", {"name": "me", "roles": ["tenant-admin"]})
    monkeypatch.setattr("sys.stdin", io.StringIO(made["secret"] + "\n"))
    assert await cli("login", "--stdin", "--grpc", world.grpc) == (0, "")
    assert (await cli("keys", "list"))[0] == 0
    async with connect(world.grpc) as catnap:
        assert (await catnap.invoke("who", {})).json() == "default"
    assert (await cli("logout", "--grpc", world.grpc))[0] == 0
    status, err = await cli("keys", "list")
    assert (status != 0, "no credential" in err) == (True, True)


async def test_on_this_machine_login_keeps_the_platforms_own_key(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("CATNAP_TOKEN", raising=False)
    (tmp_path / ".catnap").mkdir()
    (tmp_path / ".catnap" / "admin.key").write_text(ADMIN)
    assert await asyncio.to_thread(run, ("login", "--http", str(world.where))) == 0
    (tmp_path / ".catnap" / "admin.key").unlink()
    assert await asyncio.to_thread(run, ("keys", "list", "--http", str(world.where))) == 0


async def test_a_key_that_the_gateway_does_not_take_is_not_kept(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    status, _, err = await world.cli("login", token="catnap_unknown-0123456789")
    assert (status != 0, "not known here" in err) == (True, True)
    assert not (tmp_path / "config").exists()


async def test_the_audit_says_which_key_was_made_and_never_its_secret(world: World) -> None:
    _, made = await world.ask("POST", "/keys", {"name": "core", "roles": ["viewer"]})
    await world.ask("DELETE", f"/keys/{made['key']['id']}")
    status, found = await world.ask("GET", "/audit")
    assert status == 200
    said = [(each["request"], each.get("detail", "")) for each in found["records"]]
    assert ("POST /keys", "key core: user any, roles viewer") in said
    assert (f"DELETE /keys/{made['key']['id']}", "") in said
    assert made["secret"] not in json.dumps(found)
