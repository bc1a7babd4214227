"""Snapshotting is killed at any moment, again and again, in one state folder.

KILLS says how often: `KILLS=200 pytest tests/workspaces/test_killed.py`.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sys
from pathlib import Path

import pytest

from catnap.files import FolderStore
from catnap.store import Store
from catnap.workspaces import TABLES, Workspaces
from tests.workspaces import keeper
from tests.workspaces.keeper import MINE, generation

KILLS = int(os.environ.get("KILLS", "10"))
LONGEST = 0.15
"""Seconds after the first snapshot of each life: several snapshots long."""


@pytest.mark.timeout(30 + 5 * KILLS)
async def test_the_head_always_names_a_whole_snapshot(tmp_path: Path) -> None:
    chance = random.Random(7)
    kept = 0
    for _ in range(KILLS):
        told = await killed(tmp_path, chance.uniform(0, LONGEST))
        found, stored, needed = await looked_at(tmp_path)
        assert found >= max(told, kept)
        assert found <= told + 1
        assert needed <= stored
        kept = found
    assert kept > KILLS


async def killed(home: Path, after: float) -> int:
    """Snapshots until it is killed; the last generation it told of."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, keeper.__file__, str(home)), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    told = await process.stdout.readline()
    assert told, "it ended by itself"
    await asyncio.sleep(after)
    process.kill()
    told += await process.stdout.read()
    await process.wait()
    return int(told.rpartition(b"\n")[0].split(b"\n")[-1])


async def looked_at(home: Path) -> tuple[int, set[str], set[str]]:
    """The generation of the head, and the objects that are there and that the
    snapshots need."""
    objects, store = FolderStore(home / "objects"), Store(home / "catnap.db", [TABLES])
    folder = home / "look"
    folder.mkdir()
    try:
        workspaces = Workspaces(objects, store)
        needed = set()
        for snapshot in await workspaces.history(MINE):
            manifest = await workspaces.manifest(MINE, snapshot)
            needed |= {snapshot.manifest, *(pack.name for pack in manifest.packs)}
        await workspaces.restore(await workspaces.get(MINE), folder)
        listed = await objects.list(MINE.prefix, limit=10_000)
        return generation(folder), {s.key.removeprefix(MINE.prefix) for s in listed}, needed
    finally:
        shutil.rmtree(folder)
        objects.close()
        store.close()
