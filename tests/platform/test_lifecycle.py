"""From zero, back to zero, new revisions, and nothing left behind."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from catnap.errors import NotFound
from tests.platform.running import ROOT, Running


def wait_for_end(pid: int, timeout: float) -> bool:
    """Blocks until a process has ended."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], timeout)[0])
    finally:
        os.close(handle)


@pytest.mark.local
def test_a_skill_wakes_says_what_that_took_and_goes_back_to_zero(platform: Running) -> None:
    with platform.client() as client:
        answer = client.invoke("typed", {"show": "instance"})
        _, pid = answer.json()
        assert client.skills.get("typed").instances == 1
        assert wait_for_end(pid, 30)
        cold = client.invoke("typed", {"show": "instance"})
        warm = client.invoke("typed", {"show": "instance"})
    assert {"queue", "start", "import", "init", "handle"} <= set(cold.timings)
    assert "start" not in warm.timings
    assert cold.json()[1] != pid
    assert warm.json() == cold.json()


def test_an_edited_skill_becomes_a_new_revision_and_a_broken_one_does_not(
    start: Callable[..., Running], tmp_path: Path, functions: Path
) -> None:
    mine = tmp_path / "functions"
    shutil.copytree(functions / "echo", mine / "edited")
    manifest = mine / "edited" / "skill.toml"
    manifest.write_text(manifest.read_text().replace('"echo"', '"edited"'))
    code = mine / "edited" / "main.py"
    platform = start(where=mine)
    with platform.client() as client:
        assert client.invoke("edited", 1).instance.startswith("edited-00001-")
        good = code.read_text()
        code.write_text(good.replace("return request", "return [request]"))
        platform.line("progress")
        answer = client.invoke("edited", 1)
        assert (answer.json(), answer.instance[:13]) == ([1], "edited-00002-")
        code.write_text("import nothing_of_that_name\n")
        said = platform.line("progress")
        assert "nothing_of_that_name" in said["text"]
        assert client.invoke("edited", 1).json() == [1]
        assert "nothing_of_that_name" in client.skills.get("edited").problem
        shutil.rmtree(mine / "edited")
        platform.line("progress")
        with pytest.raises(NotFound):
            client.invoke("edited", 1)


@pytest.mark.parametrize("kill", [False, True])
def test_no_process_outlives_the_platform(start: Callable[..., Running], kill: bool) -> None:
    platform = start(skills=["typed", "misbehave"], models=True)
    with platform.client() as client:
        _, instance = client.invoke("typed", {"show": "instance"}).json()
        client.submit("misbehave", {"mode": "spin"})
    pids = platform.pids()
    assert len(pids) >= 4, "the gateway, the model server, a zygote and an instance"
    if kill:
        platform.kill()
        start(home=platform.home).stop()
    else:
        assert platform.stop() == 0
    assert instance in pids
    assert all(wait_for_end(pid, 20) for pid in pids)


@pytest.mark.local
def test_no_secret_of_the_platform_is_in_its_instances_or_their_parent(
    start: Callable[..., Running],
) -> None:
    """Neither in their environment nor in what /proc shows of it."""
    platform = start(skills=["typed"], SOME_SECRET="do not tell")
    with platform.client() as client:
        client.invoke("typed", {"show": "instance"})
    processes = platform.pids() - {platform.process.pid}
    shown = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in processes}
    # What is forked has its zygote's command line.
    forked = [pid for pid, command in shown.items() if b"catnap.host.zygote" in command]
    assert len(forked) >= 2, "a zygote and an instance"
    for pid in forked:
        seen = Path(f"/proc/{pid}/environ").read_bytes() + shown[pid]
        assert b"do not tell" not in seen
        assert platform.key.encode() not in seen


@pytest.mark.local
def test_what_a_platform_that_was_killed_leaves_is_taken_away_by_the_next(
    start: Callable[..., Running],
) -> None:
    platform = start(skills=["typed"])
    with platform.client() as client:
        client.invoke("typed", {"show": "instance"})
    platform.kill()
    note = platform.home / "cgroup"
    if not note.exists():
        pytest.skip("the platform may make no cgroup below its own")
    left = Path(note.read_text())
    assert left.is_dir()
    again = start(home=platform.home)
    assert not left.exists()
    assert again.stop() == 0
    assert not note.exists()


def test_a_second_platform_on_the_same_state_says_so(
    start: Callable[..., Running], platform: Running
) -> None:
    with pytest.raises(AssertionError, match="ended: 5"):
        start(home=platform.home)


def test_a_stop_waits_for_nobody_who_only_follows_a_log(start: Callable[..., Running]) -> None:
    platform = start(skills=["typed"])
    with platform.client() as client:
        client.invoke("typed", {"show": "print"})
        lines = iter(client.skills.logs("typed", follow=True))
        assert next(lines).text == "a line of output"
        assert platform.stop() == 0


def test_an_address_that_is_taken_is_said_in_one_line(
    start: Callable[..., Running], platform: Running, capfd: pytest.CaptureFixture[str]
) -> None:
    for setting, address in (("CATNAP_HTTP", platform.http), ("CATNAP_GRPC", platform.grpc)):
        with pytest.raises(AssertionError, match="ended: 7"):
            start(**{setting: address})
        said = capfd.readouterr().err.strip()
        assert said.startswith(f"catnap: cannot listen on {address}")
        assert "\n" not in said


@pytest.mark.local
def test_the_doctor_finds_the_gateway_that_runs(platform: Running) -> None:
    environment = {**os.environ, "CATNAP_HOME": str(platform.home), "CATNAP_HTTP": platform.http}
    done = subprocess.run(
        [sys.executable, "-m", "catnap.cli", "doctor", "--json"],
        env={**environment, "PYTHONPATH": str(ROOT / "runtime")},
        stdout=subprocess.PIPE,
    )
    [found] = [each for each in json.loads(done.stdout) if each["what"] == "gateway"]
    assert found["state"] == "ok"
    assert found["found"] == f"version {version('catnap-functions')} at http://{platform.http}"
