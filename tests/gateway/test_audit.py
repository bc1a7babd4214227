"""What the surfaces leave in the audit, and how it is read back."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from catnap.access.audit_record import Entry, moment
from catnap.access.decision import ACTIONS, ADMINISTRATIVE
from catnap.client.aio import connect
from catnap.errors import NotFound, PermissionDenied, Unauthenticated
from tests.gateway.local import ACME, ADMIN, RIVAL, make_skill
from tests.gateway.world import World, running

CANARY = "canary-c0ffee-0123456789"
"""Sent wherever a secret or a payload may be; it must come back nowhere."""

SKILL = """
from catnap import skill
from catnap.errors import PermissionDenied
@skill
def main(ctx, request: dict) -> str:
    if request.get("refuse"):
        raise PermissionDenied(request["refuse"])
    return "done"
"""


class Audited(World):
    async def records(self, query: str = "", key: str = ADMIN) -> list[dict[str, Any]]:
        await self.gateway.audit.flush()
        status, found = await self.ask("GET", f"/audit?{query}", key=key)
        assert status == 200, found
        return list(found["records"])


@pytest.fixture
async def world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> AsyncIterator[Audited]:
    monkeypatch.chdir(tmp_path)
    echo = make_skill(tmp_path, "echo", SKILL)
    async with running(tmp_path, echo, **getattr(request, "param", {})) as world:
        yield Audited(**vars(world))


def said(record: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(record.get(name) for name in names)


async def test_who_is_not_known_is_recorded_for_the_platform_alone(world: Audited) -> None:
    assert (await world.ask("POST", "/skills/echo", {}, key="wrong-key-0123456789"))[0] == 401
    [record] = await world.records("platform")
    assert said(record, "kind", "outcome", "tenant", "request", "peer") == (
        *("denial", "Unauthenticated", "", "POST /skills/echo", "127.0.0.1"),
    )
    assert "principal" not in record


async def test_who_may_not_is_recorded_in_the_callers_tenant(world: Audited) -> None:
    assert (await world.ask("DELETE", "/platform/skills/echo", key=ACME))[0] == 403
    [record] = await world.records("tenant=acme")
    assert said(record, "kind", "action", "outcome", "principal", "tenant", "skill") == (
        *("denial", "platform.write", "PermissionDenied", "key acme", "acme", "echo"),
    )
    assert "it takes" in record["detail"]


async def test_what_became_of_a_key_is_in_words(world: Audited) -> None:
    await world.ask("POST", "/keys", {"name": "phone", "user": "ada", "roles": ["viewer"]})
    await world.ask("POST", "/keys/phone/rotate")
    await world.ask("DELETE", "/keys/phone")
    await world.ask("DELETE", "/users/ada/credentials")
    assert [record["detail"] for record in await world.records()] == [
        "user ada: every credential ended, 0 keys among them",
        "key phone: revoked",
        "key phone: another secret",
        "key phone: user ada, roles viewer",
    ]


async def test_a_change_is_in_the_audit_when_its_answer_is_here(world: Audited) -> None:
    body = {"traffic": [{"latestRevision": True, "percent": 100}]}
    path = "/platform/skills/echo/traffic"
    assert (await world.ask("PUT", f"{path}?tenant=acme", body))[0] == 200
    _, found = await world.ask("GET", "/audit?tenant=acme")
    [record] = found["records"]
    assert said(record, "kind", "action", "outcome", "principal", "of", "skill", "request") == (
        *("action", "platform.write", "ok", "key admin", "default", "echo", f"PUT {path}"),
    )
    assert record["detail"] == 'traffic [{"latestRevision": true, "percent": 100}]'


async def test_a_change_that_failed_is_recorded_with_how(world: Audited) -> None:
    assert (await world.ask("PUT", "/platform/skills/echo/traffic", {}))[0] == 400
    [record] = await world.records("tenant=default")
    assert said(record, "kind", "outcome") == ("action", "InvalidRequest")


async def test_grpc_is_audited_as_http_is(world: Audited) -> None:
    async with connect(world.grpc, "no-key-0123456789") as client:
        with pytest.raises(Unauthenticated):
            await client.invoke("echo", {})
    async with connect(world.grpc, ACME) as client:
        with pytest.raises(PermissionDenied):
            await client.tasks.redrive("0198c4f2")
    [unknown] = await world.records("platform")
    assert said(unknown, "kind", "request", "peer") == ("denial", "Skills.Invoke", "127.0.0.1")
    [denied] = await world.records("tenant=acme")
    assert said(denied, "action", "request") == ("tasks.redrive", "Tasks.Redrive")


async def test_a_limit_is_in_the_records_of_whom_it_bounds(world: Audited) -> None:
    for tenant in ("acme", "*", ""):
        status, _ = await world.ask("PUT", "/limits", {"tenant": tenant, "daily_calls": 7})
        assert status == 200
        await world.ask("DELETE", f"/limits?tenant={tenant}")
    for chain, times, whose in (("tenant=acme", 1, "tenant 'acme'"), ("platform", 2, "")):
        records = await world.records(f"{chain}&action=limits.write")
        assert [each["request"] for each in records] == ["DELETE /limits", "PUT /limits"] * times
        assert {said(each, "principal", "of") for each in records} == {("key admin", "default")}
        assert all(whose in each["detail"] for each in records)


async def test_a_task_that_is_sent_again_is_named(world: Audited) -> None:
    async with connect(world.grpc, ADMIN) as client:
        with pytest.raises(NotFound):
            await client.tasks.redrive("0198c4f2")
    [record] = await world.records()
    assert said(record, "outcome", "detail") == ("NotFound", "task 0198c4f2")


async def test_what_a_skill_refuses_is_its_own_word_and_no_denial(world: Audited) -> None:
    status, _ = await world.ask("POST", "/skills/echo", {"refuse": CANARY}, key=ACME)
    assert status == 403
    assert await world.records() == []


async def test_calls_are_recorded_only_where_that_is_wanted(world: Audited) -> None:
    assert (await world.ask("POST", "/skills/echo", {}, key=ACME))[0] == 200
    assert await world.records() == []


@pytest.mark.parametrize("world", [{"audit": "calls"}], indirect=True)
async def test_every_call_is_recorded_with_whose_it_is_and_its_outcome(world: Audited) -> None:
    await world.ask("POST", "/skills/echo", {}, key=ACME, catnap_user="ada")
    await world.ask("POST", "/skills/echo", {"refuse": "no"}, key=ACME)
    for _ in range(2):
        await world.ask("POST", "/skills/echo", {}, key=ACME, idempotency_key="once")
    found = await world.records("kind=call")
    assert [said(each, "skill", "user", "principal", "outcome") for each in reversed(found)] == [
        ("echo", "ada", "key acme", "ok"),
        ("echo", "default", "key acme", "PermissionDenied"),
        ("echo", "default", "key acme", "ok"),
        ("echo", "default", "key acme", "repeated"),
    ]
    assert all(each["task"] for each in found)


@pytest.mark.parametrize("world", [{"audit": "calls"}], indirect=True)
async def test_no_secret_and_no_payload_is_in_audit_log_or_error(
    world: Audited, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said = [
        await world.ask("POST", "/skills/echo", {}, key=CANARY),
        await world.ask("POST", "/skills/echo", {}, key=f"cg1.{CANARY}.{CANARY}"),
        await world.ask("POST", "/skills/echo", {}, key=f"eyJ{CANARY}.{CANARY}.{CANARY}"),
        await world.ask("POST", "/skills/echo", {}, key="", authorization=f"Basic {CANARY}"),
        await world.ask("GET", f"/platform?key={CANARY}", key=ACME),
        await world.ask("POST", "/callback/skills/echo", {}, key=CANARY),
        await world.ask("POST", "/skills/echo", {"password": CANARY}, key=ACME),
        await world.ask("POST", "/events", {"password": CANARY}, key=""),
        await world.ask("PUT", "/platform/skills/echo/traffic", {"traffic": []}, key=ACME),
    ]
    assert {status for status, _ in said} == {200, 401, 403}
    await world.gateway.audit.flush()
    assert len(await world.records()) >= 5
    for status, answer in said:
        assert CANARY not in json.dumps(answer), status
    assert CANARY not in caplog.text
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert CANARY.encode() not in file.read_bytes(), file


async def test_a_tenants_administrator_reads_its_own_chain_and_no_other(world: Audited) -> None:
    status, made = await world.ask(
        "POST", "/keys?tenant=acme", {"name": "boss", "roles": ["tenant-admin"]}
    )
    assert status == 201
    boss = made["secret"]
    await world.ask("DELETE", "/platform/skills/echo", key=RIVAL)
    await world.ask("POST", "/skills/echo", {}, key="wrong-key-0123456789")
    assert {each["tenant"] for each in await world.records(key=boss)} == {"acme"}
    assert {each["tenant"] for each in await world.records()} == {"", "acme", "rival"}
    for path in ("/audit", "/audit/verify", "/audit/export"):
        for query in ("tenant=rival", "platform"):
            assert (await world.ask("GET", f"{path}?{query}", key=boss))[0] == 403
        assert (await world.ask("GET", path, key=ACME))[0] == 403


async def test_records_are_found_by_what_they_say_and_page_by_page(world: Audited) -> None:
    for tenant in ("acme", "rival", "acme"):
        await world.ask("PUT", f"/platform/skills/echo/traffic?tenant={tenant}", {})
    await world.ask("DELETE", "/platform/skills/echo", key=ACME)
    assert len(await world.records("kind=action&action=platform.write")) == 3
    assert len(await world.records("kind=denial&principal=key+acme")) == 1
    assert await world.records("skill=other") == []
    assert await world.records("since=2999-01-01T00:00:00Z") == []
    seen, before = [], ""
    while True:
        _, page = await world.ask("GET", f"/audit?limit=1&before={before}")
        seen += [(each["tenant"], each["number"]) for each in page["records"]]
        before = page["next"].replace('"', "%22")
        if not before:
            break
    assert sorted(seen) == [("acme", 1), ("acme", 2), ("acme", 3), ("rival", 1)]
    for bad in ("limit=0", "kind=none", "since=yesterday", "before=x"):
        assert (await world.ask("GET", f"/audit?{bad}"))[0] == 400


async def test_the_command_lists_checks_and_takes_along(world: Audited, tmp_path: Path) -> None:
    await world.ask("PUT", "/platform/skills/echo/traffic?tenant=acme", {})
    await world.ask("POST", "/skills/echo", {}, key="wrong-key-0123456789")
    await world.gateway.audit.flush()
    status, out, _ = await world.cli("audit", "list")
    assert status == 0
    assert "platform.write" in out
    assert "nobody" in out or "127.0.0.1" in out
    status, out, _ = await world.cli("audit", "list", "--kind", "action", "--json")
    assert [each["tenant"] for each in json.loads(out)] == ["acme"]
    status, out, _ = await world.cli("audit", "verify")
    assert status == 0, out
    assert "acme: 1 records, whole" in out
    [head] = [line.split()[-1] for line in out.splitlines() if "acme" in line]
    assert (await world.cli("audit", "verify", "--tenant", "acme", "--head", head))[0] == 0
    other = head[:-1] + ("0" if head[-1] != "0" else "1")
    status, out, _ = await world.cli("audit", "verify", "--tenant", "acme", "--head", other)
    assert (status, "replaced" in out) == (1, True)
    status, out, _ = await world.cli("audit", "export", "--tenant", "acme")
    exported = tmp_path / "acme.jsonl"
    exported.write_text(out)
    assert (await world.cli("audit", "verify", str(exported)))[0] == 0
    exported.write_text(out.replace("platform.write", "platform.read!"))
    status, out, _ = await world.cli("audit", "verify", str(exported))
    assert (status, "record 1 is broken" in out) == (1, True)


async def test_a_chain_that_was_cut_says_so_here_and_in_its_export(
    world: Audited, tmp_path: Path
) -> None:
    for action, when in (("first", 1), ("second", 2)):
        old = Entry(tenant="acme", time=moment(when), kind="action", outcome="ok", action=action)
        await world.gateway.audit.write(old)
    assert await world.gateway.audit.cut("acme", moment(2), moment(3)) == 1
    verify = ("audit", "verify", "--tenant", "acme")
    status, out, _ = await world.cli(*verify)
    assert (status, "2 records since 1970-01-01T00:00:01.000Z (1 before" in out) == (0, True), out
    assert (await world.cli(*verify, "--head", out.split()[-1]))[0] == 0
    assert (await world.cli(*verify, "--head", f"0:{'0' * 64}"))[0] == 2
    exported = tmp_path / "acme.jsonl"
    exported.write_text((await world.cli("audit", "export", "--tenant", "acme"))[1])
    status, again, _ = await world.cli("audit", "verify", str(exported))
    assert (status, again) == (0, out)


async def test_a_change_that_cannot_be_recorded_is_not_acknowledged(world: Audited) -> None:
    world.gateway.store.close()
    body = {"traffic": [{"latestRevision": True, "percent": 100}]}
    status, problem = await world.ask("PUT", "/platform/skills/echo/traffic", body)
    assert status == 503
    assert "not recorded" in problem["detail"]


DAILY = {
    *("skills.call", "files.write", "sessions.write", "tasks.write", "models.use", "events.send"),
    *("events.deliver", "packages.use"),
}
"""What changes something, and nothing of the platform."""


def test_each_action_that_is_no_reading_is_administrative_or_known_not_to_be() -> None:
    assert {each for each in ACTIONS if not each.endswith(".read")} == DAILY | ADMINISTRATIVE
    assert not DAILY & ADMINISTRATIVE
