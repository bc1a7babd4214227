"""Secrets from who sets them to the skill that reads them, and to nobody else."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import logging
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from catnap.cli.app import run
from catnap.gateway.gateway import Gateway
from catnap.http import Client, Target
from tests.gateway.local import ACME, started

ADMIN = "admin-key-0123456789"
CANARY = "canary-c0ffee-0123456789"

SKILL = """
import hashlib
from catnap import skill
@skill
def main(ctx, request: dict) -> str:
    value = ctx.secret("api-key")
    print("read", value, flush=True)
    return hashlib.sha256(value.encode()).hexdigest()
"""


@dataclass
class World:
    gateway: Gateway
    where: Target
    client: Client
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    async def ask(
        self, method: str, path: str, body: Any = None, key: str = ADMIN
    ) -> tuple[int, Any]:
        fields = [(b"authorization", f"Bearer {key}".encode())]
        sent = b"" if body is None else json.dumps(body).encode()
        reply = await self.client.request(self.where, method, path, fields, sent)
        data = await reply.read()
        return reply.status, json.loads(data) if data else None

    async def cli(self, *argv: str, given: bytes = b"") -> tuple[int, str, str]:
        self.monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        flags = ("--http", str(self.where), "--token", ADMIN)
        status = await asyncio.to_thread(run, (*argv, *flags))
        out, err = self.capsys.readouterr()
        return status, out, err


@pytest.fixture
async def world(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    for name in ("reads", "other"):
        skill = tmp_path / "skills" / name
        skill.mkdir(parents=True)
        manifest = f'name = "{name}"\ndescription = "x"\n[secrets]\nnames = ["api-key"]\n'
        (skill / "skill.toml").write_text(manifest)
        (skill / "main.py").write_text(SKILL)
    monkeypatch.chdir(tmp_path)
    client = Client()
    async with started(tmp_path, *(tmp_path / "skills").iterdir()) as (gateway, where):
        yield World(gateway, where, client, capsys, monkeypatch)
        await client.close()


def digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


async def test_a_skill_has_what_was_set_for_it_and_for_its_tenant(world: World) -> None:
    said = await world.cli("secrets", "set", "api-key", "--skill", "reads", given=b"one-0123\n")
    assert said[0] == 0, said
    flags = ("--skill", "reads", "--tenant", "acme")
    assert (await world.cli("secrets", "set", "api-key", *flags, given=b"two-0123"))[0] == 0
    assert await world.ask("POST", "/skills/reads", {}) == (200, digest("one-0123"))
    assert await world.ask("POST", "/skills/reads", {}, key=ACME) == (200, digest("two-0123"))
    status, problem = await world.ask("POST", "/skills/other", {})
    assert status == 503
    assert "catnap secrets set api-key" in problem["detail"]


async def test_what_is_set_and_what_is_asked_for_is_listed_without_values(world: World) -> None:
    await world.cli("secrets", "set", "api-key", "--skill", "reads", given=CANARY.encode())
    status, out, _ = await world.cli("secrets", "list", "--json")
    assert [(each["skill"], each["state"], each["author"]) for each in json.loads(out)] == [
        ("other", "not set", ""),
        ("reads", "set", "key admin"),
    ]
    assert (status, CANARY in out) == (0, False)
    assert (await world.cli("secrets", "remove", "api-key", "--skill", "reads"))[0] == 0
    assert (await world.cli("secrets", "remove", "api-key", "--skill", "reads"))[0] == 4


async def test_a_name_that_the_manifest_does_not_have_is_refused(world: World) -> None:
    flags = ("--skill", "reads")
    status, _, err = await world.cli("secrets", "set", "other", *flags, given=b"x")
    assert (status, "[secrets]" in err) == (2, True)
    assert (await world.cli("secrets", "set", "api-key", "--skill", "no", given=b"x"))[0] == 4
    assert (await world.cli("secrets", "set", "api-key", *flags, given=b""))[0] == 2


async def test_setting_is_an_administrators_and_in_the_audit(world: World) -> None:
    for method, path in (
        ("GET", "/secrets"),
        ("PUT", "/secrets/reads/api-key"),
        ("DELETE", "/secrets/reads/api-key"),
    ):
        assert (await world.ask(method, path, key=ACME))[0] == 403
    await world.cli("secrets", "set", "api-key", "--skill", "reads", given=b"value-0123")
    _, found = await world.ask("GET", "/audit?action=secrets.write&kind=action")
    [record] = found["records"]
    assert (record["request"], record["skill"]) == ("PUT /secrets/reads/api-key", "reads")


async def test_its_value_is_in_no_log_no_record_no_answer_and_no_file(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await world.cli("secrets", "set", "api-key", "--skill", "reads", given=CANARY.encode())
    assert (await world.ask("POST", "/skills/reads", {}))[0] == 200
    assert (await world.ask("POST", "/skills/reads", {}, key=ACME))[0] == 503
    status, _ = await world.ask("PUT", "/secrets/reads/api-key", CANARY, key=ACME)
    assert status == 403
    await world.gateway.audit.flush()
    lines = [record.text async for record in world.gateway.logs.read("default", "reads", 100)]
    assert "read [redacted]" in lines
    answers = [
        await world.ask("GET", path)
        for path in ("/audit", "/secrets", "/platform", "/platform/skills/reads", "/skills")
    ]
    assert CANARY not in json.dumps(answers)
    assert CANARY not in caplog.text
    for file in (tmp_path / "home").rglob("*"):
        if file.is_file():
            assert CANARY.encode() not in file.read_bytes(), file
