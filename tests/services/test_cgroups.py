"""The cgroups of instances: found, bound, and empty at the end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from pathlib import Path

import pytest

from catnap.services.local.cgroups import Cgroups
from catnap.services.local.delegation import expected, here, own_cgroup
from catnap.services.revision import Bounds
from tests.services.world import World, alive, gone

MOUNT = "41 31 0:38 {root} {at} rw,relatime - cgroup2 cgroup2 rw"
OLD = "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu"


@pytest.mark.parametrize(
    ("cgroup", "root", "at", "expected"),
    [
        ("0::/", "/", "/sys/fs/cgroup", "/sys/fs/cgroup"),
        ("9:name=systemd:/x\n0::/a/b.scope\n", "/", "/sys/fs/cgroup/unified", "{at}/a/b.scope"),
        ("0::/docker/c1/d\n", "/docker/c1", "/cg", "/cg/d"),
        ("0::/docker/c2\n", "/docker/c1", "/cg", None),
        ("0::/../c2\n", "/", "/cg", None),
        ("1:cpu:/\n", "/", "/cg", None),
    ],
)
def test_the_own_cgroup_is_where_the_kernel_shows_it(
    cgroup: str, root: str, at: str, expected: str | None
) -> None:
    found = own_cgroup(cgroup, f"{OLD}\n{MOUNT.format(root=root, at=at)}\n")
    assert found == (Path(expected.format(at=at)) if expected else None)


def test_without_a_cgroup_file_system_there_is_none() -> None:
    assert own_cgroup("0::/\n", OLD) is None


async def test_limits_are_written_for_what_binds_alone(tmp_path: Path) -> None:
    cgroups = Cgroups(tmp_path)
    cgroups.bounding = ()
    assert cgroups.limits(Bounds(0.5, 1 << 29)) == {}
    cgroups.bounding = ("pids",)
    assert cgroups.limits(Bounds(0.5, 1 << 29)) == {"pids.max": "1024"}
    cgroups.bounding = ("cpu", "memory")
    assert cgroups.limits(Bounds(0.5, 1 << 29)) == {
        "cpu.max": "50000 100000",
        "memory.max": "536870912",
        "memory.oom.group": "1",
    }
    assert cgroups.limits(Bounds()) == {
        "cpu.max": "max 100000",
        "memory.max": "max",
        "memory.oom.group": "1",
    }
    await cgroups.close()


@pytest.mark.parametrize(
    ("given", "kind", "others", "instances"),
    [
        ("", "domain", [], ("cpu", "memory", "pids")),
        ("", "domain", [1], ()),
        ("memory pids io", "domain", [1], ("memory", "pids")),
        ("", "", [1], ("cpu", "memory", "pids")),
    ],
    ids=["ours", "shared", "delegated", "root"],
)
def test_what_instances_would_have_is_said_and_nothing_is_changed_for_it(
    tmp_path: Path, given: str, kind: str, others: list[int], instances: tuple[str, ...]
) -> None:
    files = {
        "cgroup.controllers": "cpu io memory pids",
        "cgroup.subtree_control": given,
        "cgroup.procs": "\n".join(map(str, [os.getpid(), *others])),
    }
    if kind:
        files["cgroup.type"] = kind
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert expected(tmp_path) == instances
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == files


async def test_what_instances_would_have_they_have(tmp_path: Path) -> None:
    foreseen = expected(here())
    cgroups = Cgroups(tmp_path)
    assert foreseen == (None if cgroups.make() is None else cgroups.bounding)
    await cgroups.close()


def of(pid: int) -> str:
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    return next((line[3:] for line in lines if line.startswith("0::")), "")


@pytest.fixture
def cgroup(world: World) -> Path:
    made = world.platform._cgroups._folder
    if made is None:
        pytest.skip("this process may make no cgroup below its own")
    return made


async def test_an_instance_is_in_a_cgroup_of_its_own_and_the_platform_is_not(
    world: World, cgroup: Path
) -> None:
    before = of(os.getpid())
    await world.skill()
    await world.skill(name="other")
    answers = [await world.call(), await world.call(name="other")]
    first, second = (of(each["pid"]) for each in answers)
    assert cgroup.name in first
    assert cgroup.name in second
    assert first != second
    assert cgroup.name not in of(answers[0]["parent"])
    assert of(os.getpid()) == before


async def test_what_leaves_its_process_group_ends_with_its_instance(
    world: World, cgroup: Path
) -> None:
    await world.skill()
    child = (await world.call("spawn"))["child"]
    world.wait(200)
    await world.gone()
    gone(child)


async def test_what_leaves_its_process_group_ends_with_a_zygote_that_is_killed(
    world: World, cgroup: Path
) -> None:
    await world.skill()
    answer = await world.call("spawn")
    os.kill(answer["parent"], signal.SIGKILL)
    while alive(answer["child"]) or alive(answer["pid"]):
        await asyncio.sleep(0.005)
    assert (await world.call())["parent"] != answer["parent"]


async def test_the_end_of_the_platform_leaves_no_cgroup(
    world: World, cgroup: Path, tmp_path: Path
) -> None:
    await world.skill()
    child = (await world.call("spawn"))["child"]
    await world.platform.close()
    gone(child)
    assert not cgroup.exists()
    assert not (tmp_path / "cgroup").exists()


async def test_what_a_platform_that_was_killed_has_left_is_ended_by_the_next(
    tmp_path: Path,
) -> None:
    killed = Cgroups(tmp_path)
    zygote = killed.make()
    if zygote is None:
        pytest.skip("this process may make no cgroup below its own")
    instance = zygote / "1"
    instance.mkdir()
    with subprocess.Popen(["sleep", "600"]) as left:
        (instance / "cgroup.procs").write_text(str(left.pid))
        next_one = Cgroups(tmp_path)
        await next_one.clear()
        assert left.wait(30) == -signal.SIGKILL
    assert not zygote.parent.exists()
    await next_one.close()


async def test_where_a_platform_had_stepped_aside_to_is_taken_away_by_the_next(
    tmp_path: Path,
) -> None:
    stopped = Cgroups(tmp_path)
    if stopped._folder is None:
        pytest.skip("this process may make no cgroup below its own")
    leaf = stopped._folder.with_name(f"{stopped._folder.name}.gateway")
    leaf.mkdir()
    await stopped.close()
    next_one = Cgroups(tmp_path)
    await next_one.clear()
    assert not leaf.exists()
    await next_one.close()
    assert list(tmp_path.iterdir()) == []
