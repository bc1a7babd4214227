"""A skill's secrets: in its own instances, and in nothing that these write."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from catnap.errors import SkillCrashed, Unavailable
from catnap.services.render import SECRETS, service
from catnap.skills.manifest import parse_manifest
from catnap.skills.redaction import GONE, Redaction
from catnap.skills.secrets import secret
from tests.services.world import World

VALUE = 'hunter2 "c0ffee"\nand a second line'

MAIN = """
import base64, os, subprocess, sys
from catnap import skill

{kind} unused(): pass

@skill
{kind} main(ctx, request: dict) -> dict:
    do = request["do"]
    if do == "tell":
        value = ctx.secret("api-key")
        print("it is", value, flush=True)
        print(base64.b64encode(b"user:" + value.encode()).decode(), file=sys.stderr)
        print("not secret", flush=True)
    elif do == "other":
        return {{"value": ctx.secret("other")}}
    elif do == "child":
        place = os.environ["CATNAP_SECRETS"]
        return {{"status": subprocess.run(["cat", place], capture_output=True).returncode}}
    elif do == "fail":
        raise OSError("503 for https://host/?key=" + ctx.secret("api-key"))
    elif do == "write":
        try:
            open(os.environ["CATNAP_SECRETS"], "r+b").write(b"x")
        except OSError:
            return {{"written": False}}
        return {{"written": True}}
    return {{"value": ctx.secret("api-key")}}
"""
NAMED = '[secrets]\nnames = ["api-key", "other"]\n'


@pytest.fixture
async def told(world: World) -> World:
    world.secrets["t", "test"] = {"api-key": VALUE, "unnamed": "never-given-0123"}
    world.secrets["t", "rival"] = {"other": "a-rivals-0123"}
    await world.skill(toml=NAMED, main=MAIN)
    return world


async def test_a_skill_reads_its_own_secret_and_no_other(told: World) -> None:
    assert await told.call("") == {"value": VALUE}
    with pytest.raises(Unavailable, match="catnap secrets set other"):
        await told.call("other")


async def test_nobody_changes_it_and_what_the_skill_starts_does_not_have_it(told: World) -> None:
    assert await told.call("write") == {"written": False}
    assert (await told.call("child"))["status"] != 0


async def test_it_is_on_no_disk_and_in_no_environment(told: World) -> None:
    await told.call("")
    for file in told.home.rglob("*"):
        if file.is_file():
            assert b"hunter2" not in file.read_bytes(), file
    [instance] = told.platform._launch.instances
    assert b"hunter2" not in Path(f"/proc/{instance.pid}/environ").read_bytes()


async def test_what_an_instance_writes_is_without_it(told: World) -> None:
    await told.call("tell")
    told.wait(200)
    await told.gone()
    said = b"\n".join(line for _, line in told.lines)
    assert b"not secret" in said
    assert GONE in said
    encoded = base64.b64encode(b"user:" + VALUE.encode())
    for leaked in (b"hunter2", b"second line", encoded[8:-4]):
        assert leaked not in said


async def test_an_error_that_the_skill_did_not_mean_is_told_without_it(told: World) -> None:
    with pytest.raises(SkillCrashed) as raised:
        await told.call("fail")
    assert "OSError: 503 for https://host/?key=[redacted]" in raised.value.message
    assert "c0ffee" not in raised.value.message


async def test_why_it_cannot_start_is_said_without_it(world: World) -> None:
    world.secrets["t", "test"] = {"api-key": "hunter2-c0ffee"}
    main = "from catnap.skills.secrets import secret\nraise ValueError(secret('api-key'))\n"
    await world.skill(toml=NAMED, main=main)
    with pytest.raises(SkillCrashed) as raised:
        await world.call("")
    assert "ValueError" in raised.value.message
    assert "hunter2" not in raised.value.message


def test_a_cluster_mounts_those_that_are_named_and_those_alone() -> None:
    manifest = parse_manifest(f'name = "echo"\ndescription = "Says it."\n{NAMED}')
    pod = service(manifest, image="i", namespace="n")["spec"]["template"]["spec"]
    [_, volume] = pod["volumes"]
    assert volume["secret"]["secretName"] == "echo-secrets"
    assert [item["key"] for item in volume["secret"]["items"]] == ["api-key", "other"]
    [container] = pod["containers"]
    mount = {"name": "secrets", "mountPath": SECRETS, "readOnly": True}
    assert container["volumeMounts"][1] == mount
    assert {"name": "CATNAP_SECRETS", "value": SECRETS} in container["env"]


@pytest.mark.parametrize("names", ['["a/b"]', '[".."]', '["a", "a"]', '[""]'])
def test_a_name_that_is_no_file_or_there_twice_is_refused(names: str) -> None:
    with pytest.raises(Exception, match=r"secrets.names\[\d\]"):
        parse_manifest(f'name = "x"\ndescription = "x"\n[secrets]\nnames = {names}')


def test_mounted_secrets_are_files_of_one_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mounted").mkdir()
    (tmp_path / "mounted" / "api-key").write_text(VALUE)
    (tmp_path / "outside").write_text("x")
    monkeypatch.setenv("CATNAP_SECRETS", str(tmp_path / "mounted"))
    assert secret("api-key") == VALUE
    for name in ("other", "../outside", "..", "", str(tmp_path / "outside")):
        with pytest.raises(Unavailable):
            secret(name)


def test_what_a_pod_writes_is_without_what_is_mounted(tmp_path: Path) -> None:
    """The host itself takes it out there: nobody else reads the output first."""
    (tmp_path / "api-key").write_text("hunter2-c0ffee")
    skill = tmp_path / "skill"
    skill.mkdir()
    (skill / "skill.toml").write_text('name = "x"\ndescription = "x"\n')
    (skill / "main.py").write_text("print('hunter2-c0ffee', 'and more')\nraise SystemExit(3)\n")
    done = subprocess.run(
        [sys.executable, "-m", "catnap.host", str(skill), "--port", "0"],
        env={**os.environ, "CATNAP_SECRETS": str(tmp_path), "CATNAP_LOG": "json"},
        capture_output=True,
        timeout=60,
    )
    assert b"[redacted] and more" in done.stdout
    assert b"hunter2" not in done.stdout + done.stderr


def test_json_of_it_is_found_also_within_json() -> None:
    value = 'say "hunter2"\\ on é'
    for write in (json.dumps, lambda text: msgspec.json.encode(text).decode()):
        line = write({"said": value})
        for found in (line, write({"text": line})):
            assert b"hunter2" not in Redaction([value])(found.encode())


@pytest.mark.parametrize("before", [b"", b"x", b"xy", b"xyz:"])
def test_base64_of_it_within_something_longer_is_found(before: bytes) -> None:
    value = "hunter2-c0ffee?>"
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        line = b"basic " + encode(before + value.encode() + b"rest")
        redacted = Redaction([value])(line)
        assert GONE in redacted
        left = redacted.removeprefix(b"basic ").replace(GONE, b"")
        assert len(left) <= len(encode(before + b"rest")) + 4


def test_text_that_holds_no_secret_is_left_as_it_is() -> None:
    line = os.urandom(64).hex().encode()
    assert Redaction([])(line) == Redaction(["", "abc", "not-in-there"])(line) == line
