"""What an instance may take of the machine, and how one that takes more is ended."""

from __future__ import annotations

import asyncio
import os
import signal
import threading

import pytest

from catnap.errors import SkillCrashed
from catnap.host.cgroup import outgrew
from catnap.services.local import usage
from tests.services.world import World, gone

GROWS = """
import asyncio, os, subprocess, sys
from catnap import skill

LEAK = "import time; kept = b'x' * (256 << 20); time.sleep(600)"

@skill
async def main(ctx, request: dict) -> dict:
    match request.get("do"):
        case "leak":
            kept = b"x" * (256 << 20)
            await asyncio.sleep(600)
        case "child":
            subprocess.run([sys.executable, "-c", LEAK])
        case "map":
            import mmap
            return {{"size": len(mmap.mmap(-1, 1 << 30, mmap.MAP_SHARED))}}
        case "more":
            try:
                return {{"size": len(bytearray(8 << 30))}}
            except MemoryError:
                return {{"error": "MemoryError"}}
    return {{"pid": os.getpid()}}
"""

LIMITS = '[limits]\nmemory = "128Mi"\n'


@pytest.mark.parametrize("do", ["leak", "child"])
async def test_what_takes_more_memory_than_its_limit_is_ended_and_says_so(
    world: World, do: str
) -> None:
    await world.skill(toml=LIMITS, main=GROWS)
    pid = (await world.call())["pid"]
    with pytest.raises(SkillCrashed, match="went over its memory limit of 128 MiB"):
        await world.call(do)
    gone(pid)
    assert (await world.call())["pid"] != pid


MULTIPLIES = """
import threading, time
from catnap import skill

@skill
def main(ctx, request: dict) -> dict:
    if request["do"] == "threads":
        for _ in range(60):
            threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        time.sleep(600)
    return {{}}
"""


async def test_what_starts_more_threads_than_it_may_is_ended_and_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "pids" in world.platform._cgroups.bounding:
        pytest.skip("the kernel starts no more for it")
    monkeypatch.setattr("catnap.services.local.instance.PROCESSES", 50)
    await world.skill(main=MULTIPLIES)
    with pytest.raises(SkillCrashed, match="went over its limit of 50 processes and threads"):
        await world.call("threads")


async def test_one_that_only_asks_for_room_lives(world: World) -> None:
    await world.skill(toml=LIMITS, main=GROWS)
    assert await world.call("map") == {"size": 1 << 30}


async def test_an_allocation_beyond_all_measure_fails_in_the_skill(world: World) -> None:
    if "memory" in world.platform._cgroups.bounding:
        pytest.skip("the kernel bounds what is used, not what is asked for")
    await world.skill(toml=LIMITS, main=GROWS)
    assert await world.call("more") == {"error": "MemoryError"}


def test_usage_is_counted_by_session_and_nothing_is_said_of_those_that_ended() -> None:
    session = os.getsid(0)
    found = usage.taken({session, 0x7FFFFFFF})
    assert list(found) == [session]
    assert 1 << 20 < found[session].memory < 1 << 40
    assert found[session].tasks >= threading.active_count()
    assert usage.taken(set()) == {}


def test_the_kernel_says_when_it_killed_for_memory(tmp_path) -> None:
    assert not outgrew(str(tmp_path))
    events = tmp_path / "memory.events"
    events.write_text("low 0\nhigh 0\nmax 3\noom 1\noom_kill 0\n")
    assert not outgrew(str(tmp_path))
    events.write_text("low 0\nhigh 0\nmax 3\noom 1\noom_kill 2\n")
    assert outgrew(str(tmp_path))


STUBBORN = """
import os
from catnap import skill

@skill
def main(ctx, request: dict) -> dict:
    return {{"pid": os.getpid()}}
"""


async def test_an_instance_that_does_not_end_when_it_is_told_to_is_killed(
    world: World,
) -> None:
    await world.skill(toml='[scale]\nmin = 1\n[limits]\ntimeout = "1s"\n', main=STUBBORN)
    pid = (await world.call())["pid"]
    os.kill(pid, signal.SIGSTOP)
    await world.platform.delete("t", "test")
    await asyncio.to_thread(gone, pid)


async def test_a_platform_that_stops_waits_for_no_call_as_long_as_a_drain_does(
    world: World,
) -> None:
    """Which is as long as a call may take, 300 s: the test would time out."""
    await world.skill()
    call = world.begin("wait")
    await world.arrivals.get()
    await world.platform.close()
    with pytest.raises(SkillCrashed):
        await call


NEVER = """
import time
time.sleep(600)
# {kind}
"""


async def test_an_instance_that_never_gets_ready_is_ended(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catnap.services.local.instance.START_TIMEOUT", 0.5)
    await world.skill(main=NEVER)
    with pytest.raises(SkillCrashed, match="was not ready after"):
        await world.call()
    await world.gone()
    assert not any(each.alive for each in world.platform._launch.instances)
