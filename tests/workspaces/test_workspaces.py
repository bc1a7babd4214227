"""A folder that is snapshotted comes back as it was."""

from __future__ import annotations

import asyncio
import itertools
import os
from pathlib import Path

import pytest

from catnap.errors import Conflict, NotFound, ResourceExhausted, Unavailable
from catnap.files import ObjectStore
from catnap.snapshots.capture import Index
from catnap.store import Store
from catnap.workspaces import Workspace, Workspaces
from catnap.workspaces.garbage import epoch_of
from catnap.workspaces.rows import KEPT
from tests.workspaces.conftest import MINE
from tests.workspaces.tree import tree


async def restored(workspaces: Workspaces, where: Path, whose: Workspace = MINE) -> Path:
    where.mkdir()
    await workspaces.restore(await workspaces.claim(whose), where)
    return where


async def stored(objects: ObjectStore) -> list[str]:
    return [stat.key for stat in await objects.list("")]


def fill(folder: Path) -> None:
    (folder / "src" / "deep").mkdir(parents=True)
    (folder / "empty").mkdir(mode=0o750)
    (folder / "src" / "main.py").write_text("print('hello')\n")
    (folder / "src" / "deep" / "run").write_text("#!/bin/sh\n")
    (folder / "src" / "deep" / "run").chmod(0o755)
    (folder / "nothing").touch()
    (folder / "large").write_bytes(os.urandom(9_000_000))
    (folder / "latest").symlink_to("src/main.py")
    os.utime(folder / "src" / "main.py", ns=(1, 1_234_567_891_234_567_891))


async def test_what_is_kept_comes_back_with_modes_times_links_and_empty_things(
    workspaces: Workspaces, folder: Path, tmp_path: Path
) -> None:
    fill(folder)
    held = await workspaces.claim(MINE)
    after, _ = await workspaces.snapshot(held, folder, Index())
    assert after.head is not None
    assert (after.head.number, after.head.files) == (1, 4)
    assert tree(await restored(workspaces, tmp_path / "again")) == tree(folder)


async def test_a_new_session_wakes_in_an_empty_folder(
    workspaces: Workspaces, tmp_path: Path
) -> None:
    assert tree(await restored(workspaces, tmp_path / "new")) == {}


async def test_only_what_changed_is_stored_again(
    workspaces: Workspaces, objects: ObjectStore, folder: Path, tmp_path: Path
) -> None:
    fill(folder)
    held, index = await workspaces.snapshot(await workspaces.claim(MINE), folder, Index())
    before = {stat.key: stat.size for stat in await objects.list("")}
    (folder / "src" / "main.py").write_text("print('other')\n")
    (folder / "nothing").unlink()
    held, index = await workspaces.snapshot(held, folder, index)
    added = {s.key: s.size for s in await objects.list("") if s.key not in before}
    assert len(added) == 2  # a pack and a manifest
    assert sum(added.values()) < 4_000
    assert tree(await restored(workspaces, tmp_path / "again")) == tree(folder)


async def test_what_did_not_change_makes_no_snapshot(
    workspaces: Workspaces, objects: ObjectStore, folder: Path
) -> None:
    fill(folder)
    held, index = await workspaces.snapshot(await workspaces.claim(MINE), folder, Index())
    before = await stored(objects)
    again, _ = await workspaces.snapshot(held, folder, index)
    assert again == held
    assert await stored(objects) == before


async def test_a_restored_folder_is_known_without_being_stored_again(
    workspaces: Workspaces, objects: ObjectStore, folder: Path, tmp_path: Path
) -> None:
    fill(folder)
    await workspaces.snapshot(await workspaces.claim(MINE), folder, Index())
    before = await stored(objects)
    held = await workspaces.claim(MINE)
    (tmp_path / "again").mkdir()
    index = await workspaces.restore(held, tmp_path / "again")
    again, _ = await workspaces.snapshot(held, tmp_path / "again", index)
    assert again.head == held.head
    assert await stored(objects) == before


async def test_a_write_within_the_grain_of_the_clock_is_not_missed(
    workspaces: Workspaces, folder: Path, tmp_path: Path
) -> None:
    file = folder / "file"
    file.write_text("one")
    held, index = await workspaces.snapshot(await workspaces.claim(MINE), folder, Index())
    status = file.stat()
    file.write_text("two")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    await workspaces.snapshot(held, folder, index)
    assert (await restored(workspaces, tmp_path / "again") / "file").read_text() == "two"


async def test_of_two_instances_the_one_that_came_later_has_the_session(
    workspaces: Workspaces, folder: Path, tmp_path: Path
) -> None:
    first = await workspaces.claim(MINE)
    (folder / "who").write_text("first")
    first, index = await workspaces.snapshot(first, folder, Index())
    second = await workspaces.claim(MINE)
    other = tmp_path / "other"
    other.mkdir()
    known = await workspaces.restore(second, other)
    (folder / "who").write_text("first again")
    (folder / "more").write_text("of the first")
    with pytest.raises(Conflict, match=f"epoch {first.epoch} is over"):
        await workspaces.snapshot(first, folder, index)
    (other / "mine").write_text("second")
    await workspaces.snapshot(second, other, known)
    got = tree(await restored(workspaces, tmp_path / "again"))
    assert got == tree(other)
    assert sorted(got) == [b"mine", b"who"]


async def test_the_older_one_removes_nothing_that_the_later_one_needs(
    workspaces: Workspaces, folder: Path, tmp_path: Path
) -> None:
    fill(folder)
    first, _ = await workspaces.snapshot(await workspaces.claim(MINE), folder, Index())
    second = await workspaces.claim(MINE)
    await workspaces.snapshot(second, folder, Index())
    with pytest.raises(Conflict):
        await workspaces.sweep(first)
    assert tree(await restored(workspaces, tmp_path / "again")) == tree(folder)


async def test_no_epoch_is_given_twice_not_even_when_a_session_was_ended(
    workspaces: Workspaces,
) -> None:
    epochs = []
    for _ in range(3):
        epochs.append((await workspaces.claim(MINE)).epoch)
        await workspaces.end(MINE)
    other = await workspaces.claim(Workspace("acme", "ben", "coder", "s1"))
    assert len({*epochs, other.epoch}) == 4


async def test_a_session_that_was_ended_leaves_nothing_and_no_other_is_touched(
    workspaces: Workspaces, objects: ObjectStore, folder: Path, tmp_path: Path
) -> None:
    fill(folder)
    other = Workspace("acme", "ada", "coder", "s2")
    held, index = await workspaces.snapshot(await workspaces.claim(MINE), folder, Index())
    await workspaces.snapshot(await workspaces.claim(other), folder, Index())
    await workspaces.end(MINE)
    assert all(key.startswith(other.prefix) for key in await stored(objects))
    assert tree(await restored(workspaces, tmp_path / "again", other)) == tree(folder)
    (folder / "late").write_text("late")
    with pytest.raises(Conflict):
        await workspaces.snapshot(held, folder, index)
    with pytest.raises(NotFound):
        await workspaces.get(MINE)


async def test_old_snapshots_go_and_with_them_what_only_they_named(
    workspaces: Workspaces, objects: ObjectStore, folder: Path
) -> None:
    held, index = await workspaces.claim(MINE), Index()
    for number in range(KEPT + 5):
        (folder / "file").write_bytes(os.urandom(2_000_000))
        held, index = await workspaces.snapshot(held, folder, index)
        assert held.head is not None
        assert held.head.number == number + 1
    assert [s.number for s in await workspaces.history(MINE)] == list(range(15, 5, -1))
    assert len(await stored(objects)) == 2 * KEPT


async def test_a_session_goes_back_to_an_earlier_snapshot_and_on_from_there(
    workspaces: Workspaces, folder: Path, tmp_path: Path
) -> None:
    held, index = await workspaces.claim(MINE), Index()
    for text in ("one", "two", "three"):
        (folder / "file").write_text(text)
        held, index = await workspaces.snapshot(held, folder, index)
    await workspaces.rewind(MINE, 2)
    (folder / "file").write_text("four")
    with pytest.raises(Conflict):
        await workspaces.snapshot(held, folder, index)
    place = tmp_path / "again"
    place.mkdir()
    held = await workspaces.claim(MINE)
    index = await workspaces.restore(held, place)
    assert (place / "file").read_text() == "two"
    (place / "file").write_text("five")
    held, _ = await workspaces.snapshot(held, place, index)
    assert [each.number for each in await workspaces.history(MINE)] == [4, 3, 2, 1]
    with pytest.raises(NotFound, match="there is 1, 2, 3, 4"):
        await workspaces.rewind(MINE, 9)


async def test_what_a_broken_off_snapshot_left_is_swept(
    workspaces: Workspaces, objects: ObjectStore, folder: Path, tmp_path: Path
) -> None:
    fill(folder)
    lost = await workspaces.claim(MINE)
    held = await workspaces.claim(MINE)
    with pytest.raises(Conflict):
        await workspaces.snapshot(lost, folder, Index())
    assert await stored(objects)
    (folder / "large").unlink()
    held, _ = await workspaces.snapshot(held, folder, Index())
    await workspaces.sweep(held)
    assert len(await stored(objects)) == 2
    assert tree(await restored(workspaces, tmp_path / "again")) == tree(folder)


async def test_a_damaged_object_is_said_and_not_handed_out(
    workspaces: Workspaces, objects: ObjectStore, folder: Path, tmp_path: Path
) -> None:
    async def other():
        yield b"other"

    fill(folder)
    await workspaces.snapshot(await workspaces.claim(MINE), folder, Index())
    for key in await stored(objects):
        await objects.put(key, other(), content_type="")
    with pytest.raises(Unavailable, match="damaged"):
        await restored(workspaces, tmp_path / "again")


async def test_sessions_are_found_by_whose_they_are(workspaces: Workspaces) -> None:
    other = Workspace("acme", "ben", "coder", "s1")
    foreign = Workspace("umbrella", "ada", "coder", "s1")
    for each in (MINE, other, foreign):
        await workspaces.claim(each)
    assert {held.workspace for held in await workspaces.find("acme")} == {MINE, other}
    assert [held.workspace for held in await workspaces.find("acme", "ada")] == [MINE]
    assert await workspaces.find("acme", skill="writer") == []


async def test_two_instances_at_once_never_mix_and_the_older_never_wins(
    workspaces: Workspaces, tmp_path: Path
) -> None:
    """Each rewrites every file and snapshots, all the while the other does;
    whoever finds that its epoch is over begins a new one."""
    over = 0

    async def work(name: str) -> None:
        nonlocal over
        for life in range(6):
            folder = tmp_path / f"{name}{life}"
            folder.mkdir()
            held = await workspaces.claim(MINE)
            index = await workspaces.restore(held, folder)
            for number in range(6):
                content = f"{held.epoch} {number} ".encode() * 5000
                for file in range(20):
                    (folder / f"{file}").write_bytes(content)
                try:
                    held, index = await workspaces.snapshot(held, folder, index)
                except Conflict:
                    over += 1
                    break

    async def look() -> None:
        for number in itertools.count():
            folder = tmp_path / f"look{number}"
            folder.mkdir()
            await workspaces.restore(await workspaces.get(MINE), folder)
            assert len({each.read_bytes() for each in folder.iterdir()}) <= 1

    await workspaces.claim(MINE)
    looking = asyncio.ensure_future(look())
    await asyncio.gather(work("one"), work("two"))
    assert not looking.done()
    looking.cancel()
    epochs = [epoch_of(each.manifest) for each in await workspaces.history(MINE)]
    assert epochs == sorted(epochs, reverse=True)
    assert over


async def test_a_workspace_that_nobody_uses_any_more_goes_with_all_that_it_holds(
    objects: ObjectStore, store: Store, folder: Path
) -> None:
    now = 1000.0
    workspaces = Workspaces(objects, store, now=lambda: now)
    fill(folder)
    await workspaces.snapshot(await workspaces.claim(MINE), folder, Index())
    now = 2000.0
    other = Workspace("acme", "ben", "coder", "s1")
    at_work = await workspaces.take(other, "pod", 0, seconds=500)
    assert at_work is not None
    assert await workspaces.expire(1000.0) == 0
    assert await workspaces.expire(3000.0) == 1
    assert await workspaces.find("acme") == [at_work]
    assert await stored(objects) == []
    now = 2600.0
    assert await workspaces.expire(2500.0) == 1


async def test_what_a_workspace_stores_counts_and_ends_where_no_more_may_be(
    objects: ObjectStore, store: Store, folder: Path
) -> None:
    class Budget:
        left = 2_000

        def ask(self, workspace: Workspace) -> None:
            if self.left <= 0:
                raise ResourceExhausted(f"{workspace} may store no more")

        def wrote(self, workspace: Workspace, size: int) -> None:
            self.left -= size

    budget = Budget()
    workspaces = Workspaces(objects, store, allowance=budget)
    (folder / "first").write_bytes(os.urandom(1_500))
    held, index = await workspaces.snapshot(await workspaces.claim(MINE), folder, Index())
    assert 2_000 - budget.left == sum(stat.size for stat in await objects.list(""))
    (folder / "second").write_bytes(os.urandom(1_500))
    with pytest.raises(ResourceExhausted, match="no more"):
        await workspaces.snapshot(held, folder, index)


async def test_a_holder_that_could_not_say_so_has_time_to_say_it_again(
    objects: ObjectStore, store: Store
) -> None:
    now = 1000.0
    workspaces = Workspaces(objects, store, now=lambda: now)
    held = await workspaces.take(MINE, "one", 0, seconds=10)
    assert held is not None
    now = 1100.0  # until now nobody was there to be told
    await workspaces.excuse(absence=600, seconds=10)
    assert await workspaces.take(MINE, "two", 0, seconds=10) is None
    await workspaces.hold(MINE, held.epoch, 0)
    await workspaces.excuse(absence=600, seconds=10)
    assert await workspaces.take(MINE, "two", 0, seconds=10) is not None


async def test_of_many_who_ask_at_once_one_has_it(workspaces: Workspaces) -> None:
    for _ in range(5):
        asked = (workspaces.take(MINE, f"pod{n}", 0, seconds=100) for n in range(8))
        [held] = [each for each in await asyncio.gather(*asked) if each is not None]
        await workspaces.hold(MINE, held.epoch, 0)
