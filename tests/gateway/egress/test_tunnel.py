"""What goes in at one end comes out at the other, and nothing piles up between."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable

import pytest

from tests.gateway.egress.world import HOST, World, echo, head

Start = Callable[..., Awaitable[World]]


async def test_bytes_go_both_ways_as_they_are(start: Start) -> None:
    world = await start()
    wire = await world.connect(await world.serve(echo))
    await wire.open()
    for part in (b"\0", b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 1000):
        await wire.say(part)
        assert await wire.reader.readexactly(len(part)) == part


async def test_what_is_sent_ahead_of_the_tunnel_is_not_lost(start: Start) -> None:
    world = await start()
    ahead = bytes(range(256)) * 2000
    wire = await world.connect(await world.serve(echo), ahead=ahead)
    await wire.open()
    assert await wire.reader.readexactly(len(ahead)) == ahead


async def test_a_head_may_come_byte_by_byte(start: Start) -> None:
    world = await start()
    port = await world.serve(echo)
    wire = await world.wire()
    for byte in head(f"{HOST}:{port}", world.grant(f"{HOST}:{port}")):
        await wire.say(bytes([byte]))
        await asyncio.sleep(0)
    await wire.open()


async def test_a_host_that_speaks_first_is_heard(start: Start) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        await echo(reader, writer)

    world = await start()
    wire = await world.connect(await world.serve(greet))
    await wire.open()
    assert await wire.reader.readline() == b"220 hello\r\n"


async def test_a_side_that_has_said_all_still_hears_the_rest(start: Start) -> None:
    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = await reader.read()
        writer.write(said * 1000)
        writer.close()

    world = await start()
    wire = await world.connect(await world.serve(late))
    await wire.open()
    await wire.say(b"x" * 1000)
    wire.writer.write_eof()
    assert len(await wire.reader.read()) == 1_000_000


async def test_a_host_that_has_said_all_still_hears_the_rest(start: Start) -> None:
    heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"bye")
        writer.write_eof()
        heard.set_result(await reader.read())
        writer.close()

    world = await start()
    wire = await world.connect(await world.serve(early))
    await wire.open()
    assert await wire.reader.read() == b"bye"
    await wire.say(b"x" * 1_000_000)
    wire.writer.write_eof()
    assert len(await heard) == 1_000_000
    await emptied(world)


@pytest.mark.parametrize("breaks", ["client", "host"])
async def test_what_breaks_off_on_one_side_breaks_off_on_the_other(
    start: Start, breaks: str
) -> None:
    ended: asyncio.Future[type[BaseException]] = asyncio.get_running_loop().create_future()

    async def host(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(2)
        if breaks == "host":
            reset(writer)
            return
        writer.write(b"go")
        with contextlib.suppress(ConnectionResetError):
            ended.set_result(type(await reader.read()))
            return
        ended.set_result(ConnectionResetError)
        writer.close()

    world = await start()
    wire = await world.connect(await world.serve(host))
    await wire.open()
    await wire.say(b"on")
    if breaks == "host":
        with pytest.raises(ConnectionResetError):
            await wire.reader.read()
    else:
        await wire.reader.readexactly(2)
        reset(wire.writer)
        assert await ended is ConnectionResetError
    await emptied(world)


def reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@pytest.mark.parametrize("direction", ["up", "down"])
async def test_a_side_that_does_not_read_stops_the_other(start: Start, direction: str) -> None:
    """Of 256 MB that want to go through, the proxy holds less than 1 MB."""
    go = asyncio.Event()
    total = 256 * 2**20
    taken = 0

    async def flood(writer: asyncio.StreamWriter) -> None:
        part = bytes(2**20)
        for _ in range(total // len(part)):
            writer.write(part)
            await writer.drain()
        writer.write_eof()

    async def take(reader: asyncio.StreamReader) -> None:
        nonlocal taken
        await go.wait()
        while part := await reader.read(2**20):
            taken += len(part)

    async def host(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await (flood(writer) if direction == "down" else take(reader))
        writer.close()

    world = await start()
    wire = await world.connect(await world.serve(host))
    await wire.open()
    [tunnel] = world.proxy.tunnels
    source, sink = (tunnel.near, tunnel.far) if direction == "up" else (tunnel.far, tunnel.near)
    if direction == "up":
        work = asyncio.create_task(flood(wire.writer))
    else:
        work = asyncio.create_task(take(wire.reader))
    while not sink.full:
        await asyncio.sleep(0)
    held = sink.transport.get_write_buffer_size()
    passed = source.received
    for _ in range(1000):
        await asyncio.sleep(0)
    assert source.received == passed < total
    assert not source.transport.is_reading()
    assert held < 2**20
    go.set()
    await work
    if direction == "up":
        assert await wire.reader.read() == b""
    assert taken == source.received == total


async def test_tunnels_of_one_call_do_not_meet(start: Start) -> None:
    world = await start()
    port = await world.serve(echo)
    wires = [await world.connect(port) for _ in range(20)]
    for number, wire in enumerate(wires):
        await wire.open()
        await wire.say(b"%03d" % number * 10_000)
    for number, wire in enumerate(wires):
        assert await wire.reader.readexactly(30_000) == b"%03d" % number * 10_000


async def test_every_tunnel_is_counted_and_logged(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "catnap.gateway.egress")
    world = await start()
    port = await world.serve(echo)
    wire = await world.connect(port)
    await wire.open()
    assert world.count("catnap_egress_open", skill="search") == 1
    await wire.say(b"12345")
    await wire.reader.readexactly(5)
    wire.writer.close()
    await emptied(world)
    assert world.count("catnap_egress_open", skill="search") == 0
    assert world.count("catnap_egress_tunnels_total", skill="search") == 1
    assert world.count("catnap_egress_bytes_total", skill="search", direction="sent") == 5
    assert world.count("catnap_egress_bytes_total", skill="search", direction="received") == 5
    [line] = caplog.messages
    assert line.startswith(
        f"tenant 'acme', skill search, task t-1 to {HOST}:{port}: 5 bytes sent, 5 received in "
    )


async def emptied(world: World) -> None:
    """Returns once no tunnel is open."""
    if world.proxy.tunnels:
        await asyncio.wait([tunnel.closed for tunnel in world.proxy.tunnels])
