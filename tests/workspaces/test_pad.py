"""A skill's session keeps its folder, whatever becomes of the instance."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from catnap.errors import NotFound, SkillCrashed, SkillError, Unavailable, from_problem
from catnap.gateway.gateway import Gateway
from catnap.host import landlock
from catnap.http import Client, Target
from tests.gateway.local import ACME, RIVAL, started
from tests.platform.test_lifecycle import wait_for_end

PAD = Path(__file__).parent / "functions" / "pad"


class Caller:
    def __init__(self, gateway: Gateway, where: Target) -> None:
        self.gateway = gateway
        self._where = where
        self._client = Client()

    async def request(
        self, method: str, path: str, body: Any = None, key: str = ACME, **headers: str
    ) -> Any:
        answer = await self.read(path, method, body, key, **headers)
        return msgspec.json.decode(answer) if answer else None

    async def read(
        self, path: str, method: str = "GET", body: Any = None, key: str = ACME, **headers: str
    ) -> bytes:
        sent = [(b"authorization", f"Bearer {key}".encode())]
        sent += [(f"catnap-{name}".encode(), value.encode()) for name, value in headers.items()]
        data = b"" if body is None else msgspec.json.encode(body)
        reply = await self._client.request(self._where, method, path, sent, data)
        answer = await reply.read()
        if reply.status >= 400:
            raise from_problem(reply.status, answer)
        return answer

    async def pad(
        self, session: str = "s1", user: str = "ada", key: str = ACME, **what: str
    ) -> Any:
        return await self.request("POST", "/skills/pad", what, key=key, user=user, session=session)

    async def close(self) -> None:
        await self._client.close()


@pytest.fixture
async def caller(tmp_path: Path) -> AsyncIterator[Caller]:
    async with started(tmp_path, PAD) as (gateway, where):
        caller = Caller(gateway, where)
        yield caller
        await caller.close()


async def test_what_a_call_wrote_the_next_one_reads(caller: Caller) -> None:
    await caller.pad(write="a.txt", text="one")
    found, _ = await caller.pad(write="b.txt", text="two")
    assert found == {"a.txt": "one", "b.txt": "two"}


async def test_a_folder_follows_its_session_to_another_instance(caller: Caller) -> None:
    _, first = await caller.pad(write="a.txt", text="one")
    os.kill(first, signal.SIGKILL)
    assert wait_for_end(first, 10)
    found, second = await caller.pad()
    assert second != first
    assert found == {"a.txt": "one"}


async def test_what_a_call_that_failed_wrote_is_there_and_what_it_died_of_is_not(
    caller: Caller,
) -> None:
    await caller.pad(write="a.txt", text="one")
    with pytest.raises(SkillError):
        await caller.pad(write="a.txt", text="two", fail="yes")
    with pytest.raises(SkillCrashed):
        await caller.pad(write="a.txt", text="three", die="yes")
    found, _ = await caller.pad()
    assert found == {"a.txt": "two"}


async def test_a_session_outlives_the_platform(tmp_path: Path) -> None:
    async with started(tmp_path, PAD) as (gateway, where):
        caller = Caller(gateway, where)
        await caller.pad(write="a.txt", text="one")
        await caller.close()
    async with started(tmp_path) as (gateway, where):
        caller = Caller(gateway, where)
        found, _ = await caller.pad()
        await caller.close()
    assert found == {"a.txt": "one"}


async def test_each_session_user_and_tenant_has_a_folder_of_its_own(caller: Caller) -> None:
    await caller.pad(write="a.txt", text="one")
    for other in ({"session": "s2"}, {"user": "ben"}, {"key": RIVAL}):
        found, _ = await caller.pad(**other)
        assert found == {}


async def test_a_call_without_a_session_has_no_workspace(caller: Caller) -> None:
    with pytest.raises(Unavailable, match="it takes a session"):
        await caller.pad(session="")


@pytest.mark.skipif(not landlock.abi(), reason="this kernel has no Landlock, or does not run it")
async def test_an_instance_writes_to_no_other_instances_workspaces(
    caller: Caller, tmp_path: Path
) -> None:
    await caller.pad(key=RIVAL, write="a.txt", text="one")
    [theirs] = (tmp_path / "home" / "workspaces").glob("*/*/a.txt")
    said = await caller.pad(touch=str(theirs))
    assert said == ["Permission denied"]
    assert theirs.read_text() == "one"


async def test_a_session_is_listed_shown_taken_back_and_ended(caller: Caller) -> None:
    for text in ("one", "two", "three"):
        await caller.pad(write="a.txt", text=text)
    await caller.pad(session="s2", user="ben")
    ada = {"user": "ada"}
    listed = await caller.request("GET", "/sessions")
    assert {(each["session"], each["user"]) for each in listed["sessions"]} == {
        *(("s1", "ada"), ("s2", "ben"))
    }
    await caller.pad(write="a.txt", text="four")  # waits until the third is kept
    shown = await caller.request("GET", "/sessions/pad/s1", **ada)
    assert [each["number"] for each in shown["snapshots"]][-3:] == [3, 2, 1]
    [file] = (await caller.request("GET", "/sessions/pad/s1/files?at=2", **ada))["entries"]
    assert (file["path"], file["kind"], file["size"]) == ("a.txt", "file", 3)
    assert await caller.read("/sessions/pad/s1/files/a.txt?at=2", **ada) == b"two"
    await caller.request("POST", "/sessions/pad/s1/restore?at=2", **ada)
    found, _ = await caller.pad()
    assert found == {"a.txt": "two"}
    await caller.request("DELETE", "/sessions/pad/s1", **ada)
    found, _ = await caller.pad()
    assert found == {}


async def test_no_session_of_another_user_or_tenant_is_there(caller: Caller) -> None:
    await caller.pad(write="a.txt", text="one")
    assert await caller.request("GET", "/sessions", key=RIVAL) == {"sessions": []}
    assert await caller.request("GET", "/sessions", user="ben") == {"sessions": []}
    for method, path in (
        *(("GET", ""), ("DELETE", ""), ("GET", "/files")),
        *(("GET", "/files/a.txt"), ("POST", "/restore?at=1")),
    ):
        for who in ({"user": "ben"}, {"user": "ada", "key": RIVAL}):
            with pytest.raises(NotFound):
                await caller.request(method, f"/sessions/pad/s1{path}", **who)


async def test_what_is_kept_counts_by_its_bytes(caller: Caller) -> None:
    await caller.pad(write="a.txt", text="one")
    await caller.pad()  # waits until that is kept
    used = (await caller.request("GET", "/usage", user="ada"))["used"]
    assert [each["skill"] for each in used if each["bytes"]] == ["pad"]
