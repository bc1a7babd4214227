"""catnap sessions, beside a real platform."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.gateway.local import ACME, started
from tests.platform.running import ROOT
from tests.workspaces.test_pad import PAD, Caller


@dataclass
class Shell:
    caller: Caller
    http: str

    async def run(self, *argv: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "catnap.cli", "sessions", *argv),
            *("--http", self.http, "--token", ACME),
            env={**os.environ, "PYTHONPATH": str(ROOT / "runtime")},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        return process.returncode or 0, out.decode(), err.decode()


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    async with started(tmp_path, PAD) as (gateway, where):
        caller = Caller(gateway, where)
        yield Shell(caller, str(where))
        await caller.close()


async def test_a_session_is_seen_taken_back_and_ended(shell: Shell) -> None:
    for text in ("one", "two", "three"):
        await shell.caller.pad(write="a.txt", text=text)
    await shell.caller.pad()
    _, out, _ = await shell.run("list", "--json")
    [listed] = json.loads(out)
    assert (listed["skill"], listed["session"], listed["user"]) == ("pad", "s1", "ada")
    _, out, _ = await shell.run("show", "pad", "s1", "--user", "ada")
    assert "s1 at pad, of ada" in out
    assert [line.split()[0] for line in out.splitlines()[2:]] == ["3", "2", "1"]
    _, out, _ = await shell.run("files", "pad", "s1", "--user", "ada", "--at", "1")
    assert "-rw-r--r--" in out
    assert out.rstrip().endswith("a.txt")
    _, out, _ = await shell.run("files", "pad", "s1", "a.txt", "--user", "ada", "--at", "1")
    assert out == "one"
    status, _, _ = await shell.run("restore", "pad", "s1", "--at", "1", "--user", "ada")
    assert status == 0
    assert (await shell.caller.pad())[0] == {"a.txt": "one"}
    status, out, _ = await shell.run("end", "pad", "s1", "--user", "ada")
    assert (status, out) == (0, "session s1 at pad has ended\n")
    assert (await shell.caller.pad())[0] == {}


@pytest.mark.parametrize(
    ("at", "said"),
    [("9", "there is no snapshot 9: there is 1"), ("noon", "neither a snapshot's number nor")],
)
async def test_what_is_not_there_is_said(shell: Shell, at: str, said: str) -> None:
    await shell.caller.pad(write="a.txt", text="one")
    await shell.caller.pad()
    status, _, err = await shell.run("restore", "pad", "s1", "--at", at, "--user", "ada")
    assert status != 0
    assert said in err
