"""What who has a workspace is promised: at its own store, and with a lease."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from catnap.access.leases import Lease as Right
from catnap.errors import Conflict, ResourceExhausted, Unavailable
from catnap.files import FolderStore
from catnap.host.lease import Lease
from catnap.http import Client
from catnap.snapshots.bounds import Bounds
from catnap.snapshots.capture import Index
from catnap.snapshots.claimed import Claimed
from catnap.snapshots.packing import sealed
from catnap.workspaces import Workspace
from catnap.workspaces.head import OwnHead
from tests.gateway.local import started
from tests.workspaces.test_workspaces import fill
from tests.workspaces.tree import tree

MINE = Workspace("acme", "ada", "coder", "s1")

Head = OwnHead | Lease
Claim = Callable[[], Awaitable[Head]]


class Side:
    """claim: gives the workspace, each time under a new epoch."""

    claim: Claim

    def __init__(self, home: Path) -> None:
        self.objects = FolderStore(home / "files")

    async def names(self) -> set[str]:
        return {stat.key.removeprefix(MINE.prefix) for stat in await self.objects.list("")}

    async def put(self, name: str, content: bytes) -> None:
        async def body() -> AsyncIterator[bytes]:
            yield content

        await self.objects.put(MINE.prefix + name, body(), content_type="")


@pytest.fixture(params=["own", "leased"])
async def side(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Side]:
    (tmp_path / "functions").mkdir()
    async with started(tmp_path) as (gateway, where):
        side, client = Side(tmp_path / "home"), Client()
        workspaces = gateway.workspaces
        workspaces.bounds = Bounds(size=20_000_000)

        async def own() -> Head:
            return OwnHead(workspaces, await workspaces.claim(MINE))

        async def leased() -> Head:
            held = await workspaces.claim(MINE)
            right = Right(tenant="acme", user="ada", skill="coder", session="s1", epoch=held.epoch)
            head = (held.head.number, held.head.manifest) if held.head else (0, "")
            claimed = Claimed(
                gateway.leases.issue(right), held.epoch, workspaces.bounds.size, *head
            )
            return Lease(client, where, claimed)

        side.claim = own if request.param == "own" else leased
        yield side
        await client.close()
        side.objects.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    return made


async def restored(side: Side, where: Path) -> Path:
    where.mkdir()
    await (await side.claim()).restore(where)
    return where


async def test_what_is_kept_comes_back(side: Side, folder: Path, tmp_path: Path) -> None:
    fill(folder)
    await (await side.claim()).snapshot(folder, Index(), at_rest=True)
    assert tree(await restored(side, tmp_path / "again")) == tree(folder)


async def test_a_restored_folder_is_known_and_only_what_changes_is_stored(
    side: Side, folder: Path, tmp_path: Path
) -> None:
    fill(folder)
    await (await side.claim()).snapshot(folder, Index(), at_rest=True)
    before, head = await side.names(), await side.claim()
    (tmp_path / "again").mkdir()
    index = await head.restore(tmp_path / "again")
    index = await head.snapshot(tmp_path / "again", index, at_rest=False)
    assert await side.names() == before
    (tmp_path / "again" / "nothing").write_text("something")
    index = await head.snapshot(tmp_path / "again", index, at_rest=False)
    assert len(await side.names() - before) == 2  # a pack and a manifest
    (tmp_path / "again" / "nothing").unlink()
    await head.snapshot(tmp_path / "again", index, at_rest=True)
    assert tree(await restored(side, tmp_path / "third")) == tree(tmp_path / "again")


async def test_who_came_later_has_it_and_nothing_is_mixed(
    side: Side, folder: Path, tmp_path: Path
) -> None:
    first = await side.claim()
    (folder / "who").write_text("first")
    index = await first.snapshot(folder, Index(), at_rest=True)
    second = await side.claim()
    other = tmp_path / "other"
    other.mkdir()
    known = await second.restore(other)
    (folder / "more").write_text("of the first")
    with pytest.raises(Conflict, match="is over"):
        await first.snapshot(folder, index, at_rest=True)
    with pytest.raises(Conflict, match="is over"):
        await first.sweep()
    (other / "mine").write_text("second")
    await second.snapshot(other, known, at_rest=True)
    assert sorted(tree(await restored(side, tmp_path / "again"))) == [b"mine", b"who"]


async def test_a_sweep_removes_what_no_snapshot_came_to_name(
    side: Side, folder: Path, tmp_path: Path
) -> None:
    fill(folder)
    await (await side.claim()).snapshot(folder, Index(), at_rest=True)
    before, left = await side.names(), sealed(b"left behind", 1)

    await side.put(left.name, left.content)
    await (await side.claim()).sweep()
    assert await side.names() == before
    assert tree(await restored(side, tmp_path / "again")) == tree(folder)


async def test_an_object_that_is_damaged_or_gone_is_said(
    side: Side, folder: Path, tmp_path: Path
) -> None:
    (folder / "file").write_text("content")
    await (await side.claim()).snapshot(folder, Index(), at_rest=True)
    names = await side.names()

    for name in names:
        await side.put(name, b"something else")
    with pytest.raises(Unavailable, match="is damaged"):
        await restored(side, tmp_path / "damaged")
    for name in names:
        await side.objects.delete(MINE.prefix + name)
    with pytest.raises(Unavailable, match="lacks its object"):
        await restored(side, tmp_path / "gone")


async def test_a_folder_that_is_too_large_is_not_kept(side: Side, folder: Path) -> None:
    head = await side.claim()
    (folder / "small").write_text("content")
    index = await head.snapshot(folder, Index(), at_rest=True)
    for number in range(6):
        (folder / str(number)).write_bytes(number.to_bytes(1, "big") * 4_000_000)
    with pytest.raises(ResourceExhausted, match="20,000,000 bytes"):
        await head.snapshot(folder, index, at_rest=True)
    for number in range(6):
        (folder / str(number)).unlink()
    (folder / "small").write_text("other")
    await head.snapshot(folder, index, at_rest=True)
