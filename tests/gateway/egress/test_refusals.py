"""Who gets no tunnel, what they are told, and that they can do no harm."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

import pytest

from catnap.access import Grants
from tests.gateway.egress.world import HOST, START, World, echo, head

Start = Callable[..., Awaitable[World]]


async def refused(world: World, raw: bytes) -> tuple[int, dict[str, str], str]:
    """Status, headers and detail that raw bytes are answered with."""
    wire = await world.wire()
    await wire.say(raw)
    status, headers, problem = await wire.hear()
    assert headers["content-type"] == "application/problem+json"
    assert headers["connection"] == "close"
    return status, headers, problem["detail"]


@pytest.mark.parametrize("scheme", ["Basic", "Bearer"])
async def test_only_a_good_grant_of_a_call_at_work_is_let_in(start: Start, scheme: str) -> None:
    world = await start()
    world.at_work.add("t-3")
    grant = world.grant(HOST)
    other = Grants(b"K" * 32).issue(world.grants.verify(grant, START))
    for credential, why in {
        "": "in a skill, give your HTTP client `ctx.proxy`",
        "catnap_admin": "no grant",
        grant[:-1] + ("A" if grant[-1] != "A" else "B"): "signature is wrong",
        other: "signature is wrong",
        world.grant(HOST, task="t-2"): "call has ended: task t-2",
        world.grant(HOST, expires=START): "has expired",
        world.grant(HOST, task="t-3", deadline=START): "deadline of the Grant's call has passed",
    }.items():
        raw = head(f"{HOST}:443", credential, scheme=scheme)
        status, headers, detail = await refused(world, raw)
        assert (status, headers["proxy-authenticate"]) == (407, "Bearer")
        assert why in detail
    assert world.asked == []


async def test_a_host_that_is_not_on_the_list_is_not_even_looked_up(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "catnap.gateway.egress")
    world = await start()
    grant = world.grant("other.example", "*.example.org")
    status, _, detail = await refused(world, head(f"{HOST}:443", grant))
    assert status == 403
    assert f'may not connect to {HOST}:443: add "{HOST}" to allow' in detail
    assert world.asked == []
    labels = {"skill": "search", "reason": "PermissionDenied"}
    assert world.count("catnap_egress_refusals_total", **labels) == 1
    [line] = caplog.messages
    assert line.startswith(f"tenant 'acme', skill search, task t-1 to {HOST}:443: refused: skill")
    [denied] = world.denied
    assert (denied.tenant, denied.skill, denied.task) == ("acme", "search", "t-1")
    assert HOST in denied.detail


async def test_strangers_are_counted_and_do_not_fill_the_log(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "catnap.gateway.egress")
    world = await start()
    for raw in (head(f"{HOST}:443", "cg1.a.b"), b"GET / HTTP/1.1\r\n\r\n", b"\0"):
        await refused(world, raw)
    for reason in ("ProxyAuthenticationRequired", "MethodNotAllowed", "InvalidRequest"):
        assert world.count("catnap_egress_refusals_total", skill="", reason=reason) == 1
    assert caplog.messages == []
    assert [each.tenant for each in world.denied] == [""]


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["169.254.169.254"],
        ["10.96.0.1"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["8.8.8.8", "10.0.0.1"],
        ["0.0.0.0"],
    ],
)
async def test_a_name_that_leads_inside_is_refused(start: Start, addresses: list[str]) -> None:
    world = await start(networks="")
    world.names[HOST] = addresses
    port = await world.serve(echo)
    status, _, detail = await refused(world, head(f"{HOST}:{port}", world.grant(f"{HOST}:{port}")))
    assert status == 403
    assert f"{HOST} leads to {addresses[-1]}, which is not a public address" in detail
    assert "CATNAP_EGRESS_NETWORKS" in detail


@pytest.mark.parametrize("literal", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]"])
async def test_an_address_on_the_list_must_be_public_too(start: Start, literal: str) -> None:
    world = await start(networks="")
    raw = head(f"{literal}:443", world.grant(literal))
    assert (await refused(world, raw))[0] == 403
    assert world.asked == []


async def test_the_connection_goes_to_the_address_that_was_checked(start: Start) -> None:
    """A name server that answers differently the second time is not asked twice."""
    world = await start()
    port = await world.serve(echo)
    wire = await world.connect(port)
    await wire.open()
    world.names[HOST] = ["169.254.169.254"]
    [tunnel] = world.proxy.tunnels
    assert tunnel.far.transport.get_extra_info("peername") == ("127.0.0.1", port)
    assert world.asked == [HOST]


async def test_an_address_that_refuses_is_followed_by_the_next(start: Start) -> None:
    world = await start()
    world.names[HOST] = ["127.0.0.2", "127.0.0.1"]
    wire = await world.connect(await world.serve(echo))
    await wire.open()


async def test_a_host_that_is_not_there_is_told(start: Start) -> None:
    world = await start()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"{HOST}:{free.getsockname()[1]}"
        status, _, detail = await refused(world, head(place, world.grant(place)))
        assert (status, detail) == (503, f"cannot connect to {place}: Connection refused")
    status, _, detail = await refused(world, head("no.example:443", world.grant("no.example")))
    assert status == 503
    assert detail == "no.example cannot be resolved: Name or service not known"
    world.names["empty.example"] = []
    raw = head("empty.example:443", world.grant("empty.example"))
    assert (await refused(world, raw))[2] == "empty.example has no address"


async def test_a_host_that_never_answers_is_given_up(start: Start) -> None:
    world = await start(connect=0.05)
    with contextlib.ExitStack() as held:
        full = held.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        # With its backlog full the kernel answers no further connection.
        for _ in range(4):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        place = f"{HOST}:{full.getsockname()[1]}"
        status, _, detail = await refused(world, head(place, world.grant(place)))
        assert (status, detail) == (504, f"{place} did not take a connection within 0.05 s")


async def test_a_name_server_that_never_answers_is_given_up(start: Start) -> None:
    world = await start(resolve=0.05)
    never = asyncio.Event()

    async def silent(name: str) -> list[str]:
        await never.wait()
        return []

    world.proxy._resolve = silent
    status, _, detail = await refused(world, head(f"{HOST}:443", world.grant(HOST)))
    assert (status, detail) == (504, f"{HOST}: no name server answered in 0.05 s")


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET http://api.example.com/ HTTP/1.1\r\nHost: api.example.com\r\n\r\n", 405),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 405),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"\x05\x01\x00", 400),
        (b"\r\n\r\n", 400),
        (b"CONNECT\r\n\r\n", 400),
        (b"CONNECT a@api.example.com:443 HTTP/1.1\r\n\r\n", 400),
        (b"CONNECT api.example.com HTTP/1.1\r\n\r\n", 400),
        (b"CONNECT api.example.com:443 HTTP/1.1\r\n folded\r\n\r\n", 400),
        (b"A" * 100_000, 431),
        (b"CONNECT api.example.com:443 HTTP/1.1\r\n" + b"X: y\r\n" * 6000, 431),
        (b"CONNECT api.example.com:443 HTTP/1.1\r\n" + b"X: y\r\n" * 101 + b"\r\n", 431),
    ],
)
async def test_what_is_no_connect_is_refused(start: Start, raw: bytes, status: int) -> None:
    world = await start()
    assert (await refused(world, raw))[0] == status
    assert world.asked == []


async def test_nothing_of_a_request_gets_into_the_answers_head(start: Start) -> None:
    world = await start()
    for target in ("a\x0b\x0c:443", "a\x85b:443", "<script>:443", "%0d%0aX:443"):
        status, headers, _ = await refused(world, head(target, world.grant(HOST)))
        assert status == 400
        assert set(headers) == {"content-type", "content-length", "connection"}


async def test_a_client_still_sending_reads_why_it_is_refused(start: Start) -> None:
    world = await start()
    wire = await world.wire()
    wire.writer.write(b"POST / HTTP/1.1\r\n\r\n" + bytes(3_000_000))
    status, _, _ = await wire.hear()
    assert status == 405


async def test_a_slow_head_is_given_up(start: Start) -> None:
    world = await start(head=0.0)
    wire = await world.wire()
    status, _, problem = await wire.hear()
    assert status == 408
    assert "the headers took more than" in problem["detail"]


async def test_a_client_that_was_refused_and_stays_is_cut(start: Start) -> None:
    world = await start(linger=0.0)
    wire = await world.wire()
    await wire.say(b"GET / HTTP/1.1\r\n\r\n")
    await wire.hear()
    while world.proxy.clients:
        await asyncio.sleep(0)


async def test_a_call_and_a_skill_have_so_many_tunnels_and_no_more(start: Start) -> None:
    world = await start(task_tunnels=2, skill_tunnels=3, tunnels=4)
    world.at_work |= {"t-2", "t-3", "t-4"}
    port = await world.serve(echo)
    place = f"{HOST}:{port}"

    async def over(**more: str) -> str:
        raw = head(place, world.grant(place, **more))
        status, headers, detail = await refused(world, raw)
        assert (status, headers["retry-after"]) == (429, "1")
        return detail

    open_ = [await world.connect(port) for _ in range(2)]
    for wire in open_:
        await wire.open()
    assert "task t-1 has 2 tunnels open" in await over()
    await (await world.connect(port, task="t-2")).open()
    assert "skill 'search' has 3 tunnels open" in await over(task="t-2")
    await (await world.connect(port, task="t-3", skill="other")).open()
    assert "the platform has 4 tunnels open" in await over(task="t-4", skill="third")
    # One that ends makes room, for every count.
    open_[0].writer.close()
    while len(world.proxy.tunnels) == 4:
        await asyncio.sleep(0)
    await (await world.connect(port)).open()


async def test_a_refused_dial_gives_its_place_back(start: Start) -> None:
    world = await start(task_tunnels=1)
    for _ in range(3):
        assert (await refused(world, head("no.example:443", world.grant("no.example"))))[0] == 503
    await (await world.connect(await world.serve(echo))).open()


async def test_one_address_cannot_take_all_connections(start: Start) -> None:
    world = await start(strangers=3)
    port = await world.serve(echo)
    silent = [await world.wire() for _ in range(3)]
    while len(world.proxy.clients) < 3:
        await asyncio.sleep(0)
    crowded = await world.wire()
    with contextlib.suppress(ConnectionResetError):
        assert await crowded.reader.read() == b""
    silent[0].writer.close()
    while len(world.proxy.clients) > 2:
        await asyncio.sleep(0)
    # Tunnels do not count as strangers.
    for _ in range(5):
        await (await world.connect(port)).open()
