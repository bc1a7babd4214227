"""A session's folder of 40 MB in 500 files: kept after 20 edits, and restored."""

from __future__ import annotations

import asyncio
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from catnap.access.leases import Lease as Right
from catnap.files import FolderStore, ObjectStore
from catnap.files.s3 import S3Store
from catnap.host.lease import Lease
from catnap.http import Client
from catnap.snapshots.capture import Index
from catnap.snapshots.claimed import Claimed
from catnap.store import Store
from catnap.workspaces import TABLES, Workspace, Workspaces
from catnap.workspaces.head import OwnHead
from tests.contract import versitygw
from tests.gateway.local import started

FILES = 500
SIZE = 80_000
EDITS = 20
ROUNDS = 100
RESTORES = 10
SNAPSHOT_P95 = 300.0
RESTORE = 1000.0
MINE = Workspace("acme", "ada", "coder", "s1")


Claim = Callable[[], Awaitable[OwnHead | Lease]]


def main() -> dict[str, Any]:
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as home:
        for name, objects in _stores(Path(home)):
            found[name] = asyncio.run(_own(objects, Path(home) / name))
        found["lease"] = asyncio.run(_leased(Path(home) / "lease"))
    return found


def table(result: dict[str, Any]) -> str:
    lines = [
        f"{'':10}{'first':>10}{'p50':>10}{'p95':>10}{'copy':>10}{'restore':>10}{'copytree':>10}"
    ]
    for name, row in result.items():
        columns = ("first", "p50", "p95", "copy", "restore", "copytree")
        lines.append(f"{name:10}" + "".join(f"{row[column]:8.0f}ms" for column in columns))
    lines.append(f"limits: p95 {SNAPSHOT_P95:.0f} ms, restore {RESTORE:.0f} ms")
    return "\n".join(lines)


@contextmanager
def _bucket(home: Path) -> Iterator[ObjectStore | None]:
    program = versitygw.find()
    if program is None:
        yield None
        return
    with versitygw.running(program, home / "server") as bucket:
        store = S3Store(bucket)
        yield store
        store.close()


def _stores(home: Path) -> Iterator[tuple[str, ObjectStore]]:
    folder = FolderStore(home / "objects")
    yield "folder", folder
    folder.close()
    (home / "server").mkdir()
    with _bucket(home) as bucket:
        if bucket is not None:
            yield "s3", bucket


async def _own(objects: ObjectStore, home: Path) -> dict[str, float]:
    """At a store of ours."""
    home.mkdir()
    store = Store(home / "catnap.db", [TABLES])
    workspaces = Workspaces(objects, store)

    async def claim() -> OwnHead:
        return OwnHead(workspaces, await workspaces.claim(MINE))

    found = await _measure(claim, home)
    store.close()
    return found


async def _leased(home: Path) -> dict[str, float]:
    """As a pod's host does, at a gateway with a folder: both in this process."""
    (home / "functions").mkdir(parents=True)
    client = Client()
    async with started(home) as (gateway, where):

        async def claim() -> Lease:
            held = await gateway.workspaces.claim(MINE)
            right = Right(**msgspec.structs.asdict(MINE), epoch=held.epoch)
            head = (held.head.number, held.head.manifest) if held.head else (0, "")
            most = gateway.workspaces.bounds.size
            claimed = Claimed(gateway.leases.issue(right), held.epoch, most, *head)
            return Lease(client, where, claimed)

        found = await _measure(claim, home)
    await client.close()
    return found


async def _measure(claim: Claim, home: Path) -> dict[str, float]:
    """Milliseconds. copy: the edited files copied by themselves; copytree: the
    whole folder; both say what the disk takes for that."""
    chance = random.Random(7)
    folder = home / "folder"
    files = [folder / f"d{n % 25}" / f"{n}.txt" for n in range(FILES)]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_text(chance))
    began = time.perf_counter()
    head = await claim()
    index = await head.snapshot(folder, Index(), at_rest=True)
    first = _since(began)
    took, copies = [], []
    for _ in range(ROUNDS):
        edited = chance.sample(files, EDITS)
        for file in edited:
            file.write_bytes(_text(chance))
        began = time.perf_counter()
        index = await head.snapshot(folder, index, at_rest=True)
        took.append(_since(began))
        aside = home / "copies"
        aside.mkdir()
        began = time.perf_counter()
        for file in edited:
            shutil.copy2(file, aside)
        copies.append(_since(began))
        shutil.rmtree(aside)
    restores, trees = [], []
    for number in range(RESTORES):
        again = home / f"again{number}"
        again.mkdir()
        began = time.perf_counter()
        await (await claim()).restore(again)
        restores.append(_since(began))
        assert all(
            (again / file.relative_to(folder)).read_bytes() == file.read_bytes() for file in files
        )
        shutil.rmtree(again)
        began = time.perf_counter()
        shutil.copytree(folder, again)
        trees.append(_since(began))
        shutil.rmtree(again)
    return {
        "first": first,
        "p50": statistics.median(took),
        "p95": statistics.quantiles(took, n=20)[-1],
        "max": max(took),
        "copy": statistics.median(copies),
        "restore": max(restores),
        "copytree": statistics.median(trees),
    }


def _text(chance: random.Random) -> bytes:
    """Half of it compresses, as sources and data do."""
    return chance.randbytes(SIZE // 2) + b"some line of text\n" * (SIZE // 36)


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
