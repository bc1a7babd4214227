"""Secrets from who sets them to the skill that reads them, and to nobody else."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.gateway.local import ACME, make_skill
from tests.gateway.world import World, running

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


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    named = '[secrets]\nnames = ["api-key"]\n'
    skills = [make_skill(tmp_path, name, SKILL, named) for name in ("reads", "other")]
    monkeypatch.chdir(tmp_path)
    async with running(tmp_path, *skills) as world:
        yield world


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
