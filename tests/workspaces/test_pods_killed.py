"""A host that keeps a session's folder is killed at any moment, again and again.

KILLS says how often: `KILLS=60 pytest tests/workspaces/test_pods_killed.py`.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from pathlib import Path

import pytest

from catnap.errors import CatnapError
from catnap.files import FolderStore
from catnap.workspaces import Workspace
from tests.workspaces.keeper import generation
from tests.workspaces.pods import Pod, Pods, pods

KILLS = int(os.environ.get("KILLS", "10"))
LONGEST = 0.2
"""Seconds after the first snapshot of each life: several snapshots long."""

SKILL = Path(__file__).parent / "generations"
MINE = Workspace("acme", "ada", "generations", "s1")


@pytest.mark.timeout(30 + 5 * KILLS)
async def test_the_head_always_names_a_whole_snapshot_of_what_a_call_left(tmp_path: Path) -> None:
    chance = random.Random(7)
    kept = 0
    async with pods(tmp_path) as world:
        for _ in range(KILLS):
            pod = await world.start("one", SKILL)
            first = await world.call(pod, skill="generations")
            assert first == kept + 1
            told = await world.call(pod, skill="generations")  # by now that is kept
            calling = asyncio.create_task(again_and_again(world, pod, told))
            await asyncio.sleep(chance.uniform(0, LONGEST))
            pod.process.kill()
            told = await calling
            await pod.process.wait()
            found = await looked_at(world, tmp_path / "look")
            assert told - 1 <= found <= told + 1
            kept = found
    assert kept >= KILLS


async def again_and_again(world: Pods, pod: Pod, told: int) -> int:
    """The generation of the last call that was answered."""
    while True:
        try:
            told = await world.call(pod, skill="generations")
        except CatnapError:
            return told


async def looked_at(world: Pods, folder: Path) -> int:
    """The generation of the head; the objects that any snapshot needs are there."""
    workspaces = world.gateway.workspaces
    objects = FolderStore(world.home / "home" / "files")
    listed = await objects.list(MINE.prefix, limit=10_000)
    objects.close()
    stored = {stat.key.removeprefix(MINE.prefix) for stat in listed}
    for snapshot in await workspaces.history(MINE):
        manifest = await workspaces.manifest(MINE, snapshot)
        assert {snapshot.manifest, *(pack.name for pack in manifest.packs)} <= stored
    folder.mkdir()
    try:
        await workspaces.restore(await workspaces.get(MINE), folder)
        return generation(folder)
    finally:
        shutil.rmtree(folder)
