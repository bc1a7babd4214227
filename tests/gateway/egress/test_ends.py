"""When a tunnel ends, and that nothing is left of it."""

from __future__ import annotations

import asyncio
import gc
import resource
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from catnap.gateway.egress.dial import Resolver
from catnap.http import Request, Response, Server, Target
from tests.gateway.egress.world import HOST, START, Wire, World, descriptors, echo, head

Start = Callable[..., Awaitable[World]]


async def opened(world: World, **more: Any) -> Wire:
    wire = await world.connect(await world.serve(echo), **more)
    await wire.open()
    await wire.say(b"x")
    assert await wire.reader.readexactly(1) == b"x"
    return wire


async def cut(wire: Wire) -> None:
    """The tunnel was ended, and not as if all had been said."""
    with pytest.raises(ConnectionResetError):
        await wire.reader.read()


async def test_a_tunnel_ends_with_its_calls_deadline(start: Start) -> None:
    world = await start()
    wire = await opened(world, deadline=START + 60)
    early = await opened(world, deadline=START + 30)
    world.now = START + 30
    await cut(early)
    await wire.say(b"still")
    assert await wire.reader.readexactly(5) == b"still"
    world.now = START + 60
    await cut(wire)


async def test_a_tunnel_ends_with_its_grant_where_the_call_has_no_deadline(start: Start) -> None:
    world = await start()
    wire = await opened(world)
    world.now = START + 65
    await cut(wire)


async def test_a_tunnel_ends_with_its_call(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "catnap.gateway.egress")
    world = await start()
    wire = await opened(world)
    world.at_work.clear()
    await cut(wire)
    assert caplog.messages[-1].endswith("; cut: the Grant's call has ended")


@pytest.mark.parametrize("gone", [False, True])
async def test_a_tunnel_ends_with_its_call_at_another_gateway_and_with_that_gateway(
    start: Start, gone: bool
) -> None:
    shown = set()

    async def callbacks(request: Request) -> Response:
        shown.add((request.method, request.path, request.text(b"authorization")))
        return Response(204 if there else 401)

    there = True
    server = Server(callbacks)
    other = str(Target(*await server.listen(host="127.0.0.1")))
    world = await start()
    world.at_work.clear()
    wire = await opened(world, gateway=other)
    [(method, path, bearer)] = shown
    assert (method, path, bearer.startswith("Bearer cg1.")) == ("GET", "/callback/grant", True)
    if gone:
        await server.drain(0)
    else:
        there = False
    await cut(wire)
    late = await world.connect(1, gateway=other)
    assert (await late.hear())[0] == 407
    await server.drain(0)


async def test_a_tunnel_without_traffic_ends(start: Start) -> None:
    world = await start(idle=0.0)
    wire = await world.connect(await world.serve(echo))
    await wire.open()
    await cut(wire)


async def test_a_draining_proxy_lets_tunnels_end_and_takes_no_more(start: Start) -> None:
    world = await start()
    wire = await opened(world)
    drained = asyncio.create_task(world.proxy.drain(60))
    await asyncio.sleep(0)
    with pytest.raises(ConnectionRefusedError):
        await world.wire()
    await wire.say(b"last words")
    assert await wire.reader.readexactly(10) == b"last words"
    assert not drained.done()
    wire.writer.write_eof()
    assert await wire.reader.read() == b""
    await drained


async def test_after_its_grace_a_draining_proxy_cuts_what_is_left(start: Start) -> None:
    world = await start()
    wire, silent = await opened(world), await world.wire()
    await world.proxy.drain(0)
    await cut(wire)
    await cut_or_closed(silent)
    assert not world.proxy.tunnels


async def cut_or_closed(wire: Wire) -> None:
    try:
        assert await wire.reader.read() == b""
    except ConnectionResetError:
        return


async def test_a_client_that_leaves_while_it_waits_is_forgotten(start: Start) -> None:
    world = await start(task_tunnels=1)
    asked, never = asyncio.Event(), asyncio.Event()

    async def slow(name: str) -> list[str]:
        asked.set()
        await never.wait()
        return []

    resolve, world.proxy._resolve = world.proxy._resolve, slow
    for leave in ("close", "reset"):
        wire = await world.wire()
        await wire.say(head(f"{HOST}:443", world.grant(HOST)))
        await asked.wait()
        asked.clear()
        wire.reset() if leave == "reset" else wire.writer.close()
        while world.proxy.clients:
            await asyncio.sleep(0)
        while [task for task in asyncio.all_tasks() if "_open" in repr(task)]:
            await asyncio.sleep(0)
    world.proxy._resolve = resolve
    # Its place is free again.
    await (await world.connect(await world.serve(echo))).open()


async def test_nothing_is_left_of_tunnels_however_they_ended(start: Start) -> None:
    world = await start()
    port = await world.serve(echo)
    stays = await opened(world)

    async def round_() -> None:
        for end in ("close", "reset", "eof", "half-open", "refused", "garbage"):
            if end == "half-open":
                wire = await world.wire()
                await wire.say(b"CONN")
                wire.reset()
            elif end == "refused":
                wire = await world.wire()
                await wire.say(head("evil.net:443", world.grant(HOST)))
                await wire.hear()
                wire.writer.close()
            elif end == "garbage":
                wire = await world.wire()
                await wire.say(bytes(range(256)))
                await wire.hear()
                wire.writer.close()
            else:
                wire = await world.connect(port)
                await wire.open()
                if end == "eof":
                    wire.writer.write_eof()
                    await wire.reader.read()
                wire.reset() if end == "reset" else wire.writer.close()
            await wire.writer.wait_closed()
        while len(world.proxy.tunnels) > 1 or world.proxy.clients:
            await asyncio.sleep(0)
        world.wires[:] = [stays]
        await asyncio.sleep(0)
        gc.collect()

    await round_()
    files, tasks = descriptors(), len(asyncio.all_tasks())
    for _ in range(10):
        await round_()
    while descriptors() > files:
        await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) <= tasks
    assert len(world.proxy.tunnels) == 1


async def test_a_thousand_idle_tunnels_cost_little_and_all_end(start: Start) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < 6000:
        pytest.skip(f"a thousand tunnels take 4,000 descriptors here, there are {hard}")
    world = await start(task_tunnels=1000, skill_tunnels=1000, sweep=0.2)
    port = await world.serve(echo)
    before = resident()
    wires = []
    for _ in range(1000):
        wire = await world.connect(port)
        await wire.open()
        wires.append(wire)
    assert len(world.proxy.tunnels) == 1000
    # Both sides of each live in this process, and the servers' ends too.
    assert resident() - before < 100 * 2**20
    await wires[0].say(b"quick")
    assert await wires[0].reader.readexactly(5) == b"quick"
    world.at_work.clear()
    for wire in wires:
        await cut_or_closed(wire)
    assert not world.proxy.tunnels


def resident() -> int:
    with open("/proc/self/statm") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * resource.getpagesize()


async def test_the_systems_resolver_knows_this_machine() -> None:
    resolver = Resolver()
    assert {"127.0.0.1", "::1"} & set(await resolver("localhost"))
    with pytest.raises(OSError, match=r"."):
        await resolver("no-such-host.invalid")
    resolver.close()
