"""/keys, and the commands that ask it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from unittest.mock import ANY

import pytest

from catnap.access import Key
from catnap.client.aio import connect
from catnap.errors import Unauthenticated
from tests.gateway.local import ACME, ADMIN, make_skill
from tests.gateway.world import World, command, running

MAIN = "from catnap import skill\n@skill\ndef main(ctx, request: dict) -> str: return ctx.user\n"


@pytest.fixture
async def world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> AsyncIterator[World]:
    monkeypatch.chdir(tmp_path)
    how = getattr(request, "param", {})
    async with running(tmp_path, make_skill(tmp_path, "who", MAIN), **how) as world:
        yield world


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


async def test_a_caller_has_no_business_with_keys(world: World) -> None:
    for method, path in (
        ("GET", "/keys"),
        ("POST", "/keys"),
        ("POST", "/keys/ada/rotate"),
        ("DELETE", "/keys/ada"),
        ("GET", "/keys?tenant=rival"),
    ):
        assert (await world.ask(method, path, {}, ACME))[0] == 403, (method, path)


async def test_keys_are_made_listed_rotated_and_revoked_by_command(world: World) -> None:
    status, secret, note = await world.cli("keys", "create", "core", "--expires", "90d")
    assert status == 0
    assert "shown only now" in note
    status, _, err = await world.cli("keys", "create", "gone", "--expires", "0s")
    assert (status, "lifetime: must be from 1 second" in err) == (2, True)
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
    "world", [{"keys": (Key.of(ACME, name="desk", roles=(), user="ada"),)}], indirect=True
)
async def test_who_ends_a_user_is_told_of_the_keys_that_only_the_settings_end(
    world: World,
) -> None:
    await world.ask("POST", "/keys", {"name": "phone", "user": "ada"})
    status, out, note = await world.cli("keys", "revoke", "--user", "ada")
    assert (status, "phone is revoked" in out) == (0, True)
    assert "key desk of user ada is still good: take it out of catnap.toml" in note
    _, _, note = await world.cli("keys", "revoke", "--user", "bob")
    assert "still good" not in note


async def test_what_asks_for_no_key_is_refused(world: World) -> None:
    for body in (b"", b"[]", b"{}", b'{"name": 1}', b'{"name": "n", "admin": true}', b"\xff"):
        assert (await world.request("POST", "/keys", body)).status == 400, body


async def test_who_logged_in_needs_to_say_no_key_again(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("CATNAP_TOKEN", raising=False)
    at = ("--http", str(world.where))
    _, made = await world.ask("POST", "/keys", {"name": "me", "roles": ["tenant-admin"]})
    given = made["secret"].encode() + b"\n"
    login = ("login", "--stdin", "--grpc", world.grpc, *at)
    assert await command(*login, given=given) == (0, ANY, "")
    assert (await command("keys", "list", *at))[0] == 0
    async with connect(world.grpc) as catnap:
        assert (await catnap.invoke("who", {})).json() == "default"
    assert (await command("logout", "--grpc", world.grpc, *at))[0] == 0
    status, _, err = await command("keys", "list", *at)
    assert (status != 0, "no credential" in err) == (True, True)


async def test_on_this_machine_login_keeps_the_platforms_own_key(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("CATNAP_TOKEN", raising=False)
    (tmp_path / ".catnap").mkdir()
    (tmp_path / ".catnap" / "admin.key").write_text(ADMIN)
    assert (await command("login", "--http", str(world.where)))[0] == 0
    (tmp_path / ".catnap" / "admin.key").unlink()
    assert (await command("keys", "list", "--http", str(world.where)))[0] == 0


async def test_a_key_that_the_gateway_does_not_take_is_not_kept(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    status, _, err = await world.cli("login", key="catnap_unknown-0123456789")
    assert (status != 0, "not known here" in err) == (True, True)
    assert not (tmp_path / "config").exists()


async def test_the_audit_says_which_key_was_made_and_never_its_secret(world: World) -> None:
    _, made = await world.ask("POST", "/keys", {"name": "core", "roles": ["viewer"]})
    await world.ask("DELETE", f"/keys/{made['key']['id']}")
    status, found = await world.ask("GET", "/audit")
    assert status == 200
    said = [(each["request"], each.get("detail", "")) for each in found["records"]]
    assert ("POST /keys", "key core: user any, roles viewer") in said
    assert (f"DELETE /keys/{made['key']['id']}", "key core: revoked") in said
    assert made["secret"] not in json.dumps(found)
