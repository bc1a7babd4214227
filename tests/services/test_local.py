"""What only real processes can show: how they end, hang and run out."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from catnap.errors import CatnapError, InvalidRequest, SkillCrashed, Unavailable
from catnap.services import images
from catnap.services.local import LocalPlatform
from catnap.services.local.control import Control
from catnap.services.local.probing import answers
from catnap.services.render import service
from catnap.skills.manifest import parse_manifest
from tests.services.world import World, alive, gone


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGKILL, "SIGKILL"), (signal.SIGRTMIN + 6, "signal 40")]
)
async def test_an_instance_that_is_killed_costs_its_calls_and_no_others(
    world: World, number: int, name: str
) -> None:
    await world.skill()
    pid = (await world.call(session="s"))["pid"]
    call = world.begin("wait", session="s")
    await world.arrivals.get()
    os.kill(pid, number)
    with pytest.raises(SkillCrashed, match=f"was ended by {name} while"):
        await call
    assert (await world.call(session="s"))["pid"] != pid


async def test_a_call_that_meets_an_instance_as_it_dies_goes_to_another(world: World) -> None:
    """The gateway has not heard of its end yet: nothing was sent, nobody is hurt."""
    await world.skill()
    pid = (await world.call())["pid"]
    [pool] = world.platform._fleet._all()
    [instance] = pool.instances
    world.platform._client.forget(instance.target)  # type: ignore[attr-defined]
    Path(instance.target.path).unlink()  # type: ignore[attr-defined]
    assert (await world.call())["pid"] != pid


async def test_an_instance_that_somebody_else_ends_finishes_its_calls_and_gets_no_more(
    world: World,
) -> None:
    await world.skill(toml="[scale]\nmax = 1\n")
    pid = (await world.call(session="s"))["pid"]
    call = world.begin("wait", session="s")
    go = await world.arrivals.get()
    os.kill(pid, signal.SIGTERM)
    while (other := (await world.call(session="s"))["pid"]) == pid:
        pass
    assert alive(pid)
    go.write(b"x")
    assert (await call)["pid"] == pid != other


ENDS_AS_IT_STARTS = """
import os, signal, socket
from catnap import skill

with socket.socket(socket.AF_UNIX) as desk:
    desk.connect(os.environ["DESK"] + ".number")
    number = int(desk.recv(9))
if number <= {kind}:
    os.kill(os.getpid(), signal.SIGTERM)

@skill
async def main(ctx, request: dict) -> dict:
    return {{"pid": os.getpid()}}
"""


async def test_an_instance_that_is_told_to_end_as_it_starts_is_replaced(world: World) -> None:
    await world.skill("3", main=ENDS_AS_IT_STARTS)
    assert (await world.call())["pid"]


async def test_a_skill_that_ends_itself_whenever_it_starts_is_a_failure(world: World) -> None:
    await world.skill("100", main=ENDS_AS_IT_STARTS)
    with pytest.raises(SkillCrashed, match="cannot start: was ended by SIGTERM"):
        await world.call()


async def test_one_that_is_not_wanted_any_more_before_its_zygote_runs_is_never_forked(
    world: World,
) -> None:
    await world.skill(toml="[scale]\nmin = 1\n")
    [pool] = world.platform._fleet._all()
    [instance] = pool.instances
    while not instance._forked:  # type: ignore[attr-defined]
        await asyncio.sleep(0)
    instance.end()
    await instance.exited
    assert instance.pid == 0  # type: ignore[attr-defined]


async def test_one_that_is_not_wanted_any_more_before_it_is_started_never_is(world: World) -> None:
    await world.skill(toml="[scale]\nmin = 1\n")
    [pool] = world.platform._fleet._all()
    instance = world.platform._instance(pool.revision, "test-00001-0")
    instance.end()
    with pytest.raises(Unavailable, match="was ended before"):
        await instance.start()
    assert instance.pid == 0


LEAVES = """
import os, socket
from catnap import skill

@skill
async def main(ctx, request: dict) -> dict:
    with socket.socket(socket.AF_UNIX) as desk:
        desk.connect(os.environ["DESK"] + ".number")
        number = int(desk.recv(9))
    if number == 1:
        for fd in range(3, 30):
            try:
                if os.readlink(f"/proc/self/fd/{{fd}}").startswith("pipe:"):
                    os.write(fd, {kind})
            except OSError:
                pass
        os._exit(0)
    return {{"pid": os.getpid()}}
"""


async def test_a_call_that_an_instance_never_began_goes_to_another(world: World) -> None:
    """Such as one that reached a socket just as its owner had drained; here the
    instance only says so."""
    await world.skill("""b'{"draining":true}\\n{"drained":true}\\n'""", main=LEAVES)
    assert (await world.call())["pid"]


@pytest.mark.parametrize("said", ["", '{"draining":true}', "nonsense"])
async def test_a_call_that_an_instance_may_have_begun_goes_to_no_other(
    world: World, said: str
) -> None:
    await world.skill(f"b'{said}\\n'", main=LEAVES)
    with pytest.raises(SkillCrashed, match="exited with status 0"):
        await world.call()


async def test_a_zygote_that_is_killed_takes_its_instances_and_another_is_started(
    world: World,
) -> None:
    await world.skill()
    zygote = (await world.call())["parent"]
    call = world.begin("wait")
    await world.arrivals.get()
    os.kill(zygote, signal.SIGKILL)
    with pytest.raises(SkillCrashed):
        await call
    again = await world.call()
    assert again["parent"] != zygote
    assert not alive(zygote)


async def test_what_an_instance_started_ends_with_a_zygote_that_is_killed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no cgroup holds it, in whatever process group it is."""
    monkeypatch.setattr(world.platform._cgroups, "_folder", None)
    await world.skill()
    answer = await world.call("spawn")
    os.kill(answer["parent"], signal.SIGKILL)
    await asyncio.to_thread(gone, answer["child"])


async def test_who_waits_for_a_zygote_that_cannot_start_is_told_why(world: World) -> None:
    await world.skill(toml='[scale]\npreload = ["nothing_of_that_name"]\n')
    errors = await asyncio.gather(*(world.call() for _ in range(5)), return_exceptions=True)
    for error in errors:
        assert isinstance(error, Unavailable)
        assert "No module named 'nothing_of_that_name'" in error.message
    await world.gone()


async def test_a_sync_skill_that_is_stuck_is_replaced_and_its_neighbours_finish(
    world: World,
) -> None:
    """A thread cannot be interrupted: past its deadline the process goes, but
    not before the calls beside it are done."""
    await world.skill("def", '[scale]\nconcurrency = 2\n[limits]\ntimeout = "60s"\n')
    pid = (await world.call())["pid"]
    beside = world.begin("stick")
    go = await world.arrivals.get()
    with pytest.raises(CatnapError, match="time"):
        await world.call("stick", deadline=_soon())
    await world.arrivals.get()
    assert (await world.call())["pid"] != pid
    assert alive(pid)
    go.write(b"x")
    assert (await beside)["pid"] == pid
    while alive(pid):
        await asyncio.sleep(0.005)


async def test_a_stuck_instance_that_nobody_else_uses_is_killed(world: World) -> None:
    await world.skill("def", "[scale]\nconcurrency = 1\nmax = 1\n")
    pid = (await world.call())["pid"]
    with pytest.raises(CatnapError, match="time"):
        await world.call("stick", deadline=_soon())
    assert (await world.call())["pid"] != pid
    while alive(pid):
        await asyncio.sleep(0.005)


def _soon() -> str:
    from datetime import UTC, datetime, timedelta

    return (datetime.now(UTC) + timedelta(milliseconds=1500)).isoformat()


@contextmanager
def few_descriptors(more: int) -> Iterator[None]:
    used = max(int(each.name) for each in Path("/proc/self/fd").iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Numbers below the highest that are free count as well.
    free = used - len(list(Path("/proc/self/fd").iterdir()))
    filled = [os.open("/dev/null", os.O_RDONLY) for _ in range(max(0, free))]
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for each in filled:
            os.close(each)


@pytest.mark.parametrize("more", range(1, 9))
async def test_without_descriptors_the_callers_are_told_and_it_mends(
    world: World, more: int
) -> None:
    await world.platform.warm()
    await world.skill()
    with few_descriptors(more):
        results = await asyncio.gather(*(world.call() for _ in range(3)), return_exceptions=True)
    assert any(isinstance(each, Unavailable) for each in results) or more > 5
    assert all(isinstance(each, Unavailable | SkillCrashed | dict) for each in results)
    world.now += 60
    assert (await world.call())["pid"]


async def test_without_descriptors_no_instance_is_ended_for_it(world: World) -> None:
    await world.skill()
    pid = (await world.call())["pid"]
    [pool] = world.platform._fleet._all()
    [instance] = pool.instances
    client, target = world.platform._client, instance.target  # type: ignore[attr-defined]
    client.forget(target)
    await asyncio.sleep(0)
    with few_descriptors(0), contextlib.ExitStack() as taken:
        with contextlib.suppress(OSError):
            while True:
                taken.enter_context(Path(os.devnull).open())
        with pytest.raises(Unavailable, match="Too many open files"):
            await world.call()
        for path in ("/healthz", ""):
            assert await answers(client, target, path, 60)
    assert (await world.call())["pid"] == pid


async def test_instances_leave_nothing_behind(world: World) -> None:
    await world.skill()
    counts = []
    for _ in range(12):
        await world.call("print")
        world.wait(200)
        await world.gone()
        for instance in list(world.platform._launch.instances):
            world.platform._launch.forget(instance)
        await asyncio.sleep(0)
        counts.append(len(list(Path("/proc/self/fd").iterdir())))
    assert counts[-1] <= counts[1]
    assert list(world.platform._launch._sockets.folder.iterdir()) == []
    assert not world.platform._zygotes.used
    assert world.platform._client._idle == {}


async def test_what_an_instance_writes_is_passed_on_by_line(world: World) -> None:
    await world.skill()
    await world.call("print")
    while len(world.lines) < 2:
        await asyncio.sleep(0.005)
    assert {b"out", b"err"} == {
        msgspec.json.decode(line)["text"].encode() for _, line in world.lines
    }


async def test_what_an_instance_started_and_left_does_not_hold_it(world: World) -> None:
    await world.skill()
    await world.call("spawn")
    world.wait(200)
    await world.gone()


async def test_revision_numbers_outlast_a_restart(world: World, tmp_path: Path) -> None:
    await world.skill(name="one")
    await world.platform.close()
    again = LocalPlatform(tmp_path, "127.0.0.1:1", lambda *line: None)
    try:
        folder = tmp_path / "one"
        manifest = parse_manifest((folder / "skill.toml").read_text())
        image = images.build(folder, tmp_path).reference
        rendered = service(manifest, image=image, namespace="t")
        assert await again.apply(rendered) == "one-00002"
        assert await again.apply(rendered) == "one-00002"
    finally:
        await again.close()


# --- probes, and crashes that are told ------------------------------------------------

PROBED = """
import asyncio, os, signal
from pathlib import Path
from catnap import skill
from catnap.host import app

well = app.App._health
ill = Path(os.environ["DESK"]).with_name("ill")
app.App._health = lambda self: app.Response(500, [], b"") if ill.exists() else well(self)

@skill
{kind} main(ctx, request: dict) -> dict:
    return {{"pid": os.getpid()}}
"""

PROBE = {"httpGet": {"path": "/healthz"}, "periodSeconds": 1, "failureThreshold": 1}


async def test_an_instance_whose_liveness_probe_fails_is_replaced(world: World) -> None:
    await world.skill(main=PROBED, probes={"livenessProbe": PROBE})
    pid = (await world.call())["pid"]
    ill = Path(world.desk).with_name("ill")
    ill.touch()
    while alive(pid):
        await asyncio.sleep(0.005)
    ill.unlink()
    assert (await world.call())["pid"] != pid


async def test_an_instance_whose_readiness_probe_fails_gets_no_calls_until_it_is_well(
    world: World,
) -> None:
    await world.skill(main=PROBED, toml="[scale]\nmax = 1\n", probes={"readinessProbe": PROBE})
    pid = (await world.call())["pid"]
    [pool] = world.platform._fleet._all()
    [instance] = pool.instances
    ill = Path(world.desk).with_name("ill")
    ill.touch()
    while not instance.unready:
        await asyncio.sleep(0.005)
    call = world.begin()
    await asyncio.sleep(0)
    assert pool.waiting == 1
    ill.unlink()
    assert (await call)["pid"] == pid


@pytest.mark.parametrize(
    ("probes", "said"),
    [
        ({"livenessProbe": {"exec": {"command": ["true"]}}}, "livenessProbe.exec"),
        ({"livenessProbe": PROBE | {"failureThreshold": -1}}, "livenessProbe.failureThreshold"),
        ({"startupProbe": PROBE}, "startupProbe"),
    ],
)
async def test_a_probe_that_is_not_done_here_is_refused_by_its_name(
    world: World, probes: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidRequest, match=said):
        await world.skill(probes=probes)


CRASHES = """
import os, sys, threading
from catnap import skill

def crash():
    print("the disk is full", file=sys.stderr, flush=True)
    os._exit({kind})

threading.Timer(0.0, crash).start()

@skill
async def main(ctx, request: dict) -> dict:
    return {{}}
"""


async def test_a_revision_that_crashes_waits_longer_each_time_and_says_why(world: World) -> None:
    await world.skill("7", "[scale]\nmin = 1\n", main=CRASHES)
    [pool] = world.platform._fleet._all()
    for seconds in (1.0, 2.0, 4.0):
        while not pool.retry_in or pool.instances:
            await asyncio.sleep(0.005)
        assert pool.retry_in == seconds
        assert pool.crash is not None
        assert pool.crash.line == "the disk is full"
        assert "status 7" in pool.crash.message
        world.now += seconds
        world.platform.tick()


CONTRACT = """
import os, sys
from catnap import skill

@skill
{kind} main(ctx, request: dict) -> dict:
    names = ("PORT", "K_SERVICE", "K_CONFIGURATION", "K_REVISION", "CATNAP_GRACE")
    return {{"env": [os.environ[name] for name in names], "stdin": sys.stdin.read()}}
"""


async def test_an_instance_has_the_environment_of_knative_and_nothing_to_read(
    world: World,
) -> None:
    manifest = '[limits]\ntimeout = "40s"\n[env]\nK_REVISION = "mine"\nPORT = "1"\n'
    await world.skill(main=CONTRACT, toml=manifest)
    environment = ["8080", "test", "test", "test-00001", "40.0"]
    assert await world.call() == {"env": environment, "stdin": ""}


# --- packets --------------------------------------------------------------------------


async def test_orders_that_the_kernel_does_not_take_at_once_are_sent_in_order() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ended = asyncio.Event()
    control = Control(ours, lambda packet: None, ended.set)
    reading, writing = os.pipe()
    orders = [b"%06d" % n + b"." * 1000 for n in range(3000)]
    for order in orders:
        control.send(order, [writing])
    os.close(writing)
    theirs.setblocking(False)
    loop = asyncio.get_running_loop()
    got: list[bytes] = []
    whole = asyncio.Event()

    def receive() -> None:
        packet, descriptors, _, _ = socket.recv_fds(theirs, 4096, 4)
        for each in descriptors:
            os.close(each)
        got.append(packet)
        if len(got) == len(orders):
            whole.set()

    loop.add_reader(theirs, receive)
    await whole.wait()
    assert got == orders
    assert os.read(reading, 1) == b"", "every copy of the descriptor is closed"
    os.close(reading)
    loop.remove_reader(theirs)
    theirs.close()
    await ended.wait()
    control.send(b"nobody is there")
