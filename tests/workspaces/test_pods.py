"""A session keeps its folder among hosts that restore and keep it themselves."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from catnap.access.shared_keys import FILES
from catnap.errors import Unavailable
from catnap.files import FolderStore
from catnap.workspaces import Workspace, Workspaces
from tests.workspaces.pods import Pods, pods

MINE = Workspace("acme", "ada", "pad", "s1")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Pods]:
    async with pods(tmp_path) as world:
        yield world


async def test_what_a_call_wrote_the_next_one_reads_there_and_at_another_pod(world: Pods) -> None:
    one, two = await world.start("one"), await world.start("two")
    assert await world.call(one, write="a", text="1") == {"a": "1"}
    assert await world.call(one, write="b", text="2") == {"a": "1", "b": "2"}
    assert await world.call(two, write="c", text="3") == {"a": "1", "b": "2", "c": "3"}
    assert await world.call(one) == {"a": "1", "b": "2", "c": "3"}


async def test_each_session_and_user_has_a_folder_of_its_own(world: Pods) -> None:
    one = await world.start("one")
    await world.call(one, write="a", text="1")
    assert await world.call(one, session="s2") == {}
    assert await world.call(one, user="ben") == {}


async def test_a_call_without_a_session_has_no_workspace(world: Pods) -> None:
    one = await world.start("one")
    with pytest.raises(Unavailable, match="it takes a session"):
        await world.call(one, session="")


async def test_sigterm_keeps_what_changed_after_the_last_call(world: Pods) -> None:
    one = await world.start("one")
    await world.call(one, write="a", text="1")
    await world.call(one)  # waits until that is kept
    [folder] = one.folder.iterdir()
    (folder / "later").write_text("by what the skill has left at work")
    assert await one.end() == 0
    assert not one.folder.exists()
    two = await world.start("two")
    assert await world.call(two) == {"a": "1", "later": "by what the skill has left at work"}


async def test_what_cannot_be_kept_at_sigterm_is_tried_again(world: Pods) -> None:
    class Away:
        left = 3

        def ask(self, workspace: Workspace) -> None:
            self.left -= 1
            if self.left >= 0:
                raise Unavailable("the store is away")

        def wrote(self, workspace: Workspace, size: int) -> None:
            pass

    gateway, objects = world.gateway, FolderStore(world.home / "home" / "files")
    gateway.workspaces = Workspaces(objects, gateway.store, allowance=Away())
    one = await world.start("one")
    await world.call(one, write="a", text="1")
    assert await one.end() == 0
    two = await world.start("two")
    assert await world.call(two) == {"a": "1"}
    objects.close()


async def test_what_a_pod_died_of_is_not_kept_and_its_next_start_goes_on_at_once(
    world: Pods,
) -> None:
    one = await world.start("one")
    await world.call(one, write="a", text="1")
    await world.call(one)
    with pytest.raises(Exception, match="closed"):
        await world.call(one, write="a", text="2", die="yes")
    await one.process.wait()
    again = await world.start("one")
    assert await world.call(again) == {"a": "1"}


async def test_a_pod_that_is_gone_is_passed_over(world: Pods) -> None:
    one, two = await world.start("one"), await world.start("two")
    await world.call(one, write="a", text="1")
    await world.call(one)
    with pytest.raises(Exception, match="closed"):
        await world.call(one, write="a", text="2", die="yes")
    assert await world.call(two, write="b", text="3") == {"a": "1", "b": "3"}


async def test_of_two_hosts_the_older_epoch_loses_and_nothing_is_mixed(world: Pods) -> None:
    one, two = await world.start("one"), await world.start("two")
    await world.call(one, write="a", text="1")
    await world.call(one)
    one.process.send_signal(signal.SIGSTOP)
    assert await world.call(two, write="b", text="2") == {"a": "1", "b": "2"}
    [folder] = one.folder.iterdir()
    (folder / "late").write_text("of the one that lost")
    one.process.send_signal(signal.SIGCONT)
    await one.end()
    assert await world.call(two) == {"a": "1", "b": "2"}


async def test_a_session_moves_only_once_its_last_call_is_kept(world: Pods) -> None:
    one, two = await world.start("one"), await world.start("two")
    at_work = asyncio.ensure_future(world.call(one, write="a", text="1", wait="0.5"))
    while not list(one.folder.glob("*/a")):
        await asyncio.sleep(0.01)
    assert await world.call(two) == {"a": "1"}
    await at_work


async def test_a_child_call_elsewhere_does_not_wait_for_its_caller(world: Pods) -> None:
    one, two = await world.start("one"), await world.start("two")
    at_work = asyncio.ensure_future(world.call(one, write="a", text="1", wait="1"))
    while not list(one.folder.glob("*/a")):
        await asyncio.sleep(0.01)
    with pytest.raises(Unavailable, match="a child call that its session's own instance"):
        await world.call(two, depth=1)
    assert await at_work == {"a": "1"}
    assert await world.call(two) == {"a": "1"}


async def test_a_session_that_was_taken_back_or_ended_is_so_at_its_next_call(world: Pods) -> None:
    one = await world.start("one")
    for text in ("1", "2", "3"):
        await world.call(one, write="a", text=text)
    await world.call(one)
    await world.gateway.workspaces.rewind(MINE, 1)
    assert await world.call(one) == {"a": "1"}
    await world.gateway.workspaces.end(MINE)
    assert await world.call(one) == {}


async def test_any_gateway_of_the_store_takes_what_a_lease_opens(
    tmp_path: Path, shared: str
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    (two / "home").mkdir(parents=True, mode=0o700)
    one.mkdir()
    async with pods(one, shared) as first:
        for name in FILES:
            shutil.copy(one / "home" / name, two / "home" / name)
        (two / "home" / "files").symlink_to(one / "home" / "files")
        async with pods(two, shared) as second:
            pod, other = await first.start("pod"), await second.start("other")
            await second.call(pod, write="a", text="1")  # it keeps that at the first
            assert await first.call(other, write="b", text="2") == {"a": "1", "b": "2"}
            assert await second.call(pod) == {"a": "1", "b": "2"}
