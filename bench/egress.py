"""The egress proxy beside a direct connection: bytes per second, time to open, memory.

Host, proxy and client are a process each, on loopback, so what is measured is
what the proxy costs and not a network. Direct and through the proxy take turns.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import socket
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from catnap.access import Grant, Grants
from catnap.access.egress import Networks
from catnap.gateway.egress import Limits, Proxy, Records

TOTAL = 1 << 30
"""Bytes of one transfer."""
TURNS = 5
OPENS = 300
IDLE = 1000
PART = 1 << 18
_SECRET = b"b" * 32
_spawn = multiprocessing.get_context("spawn")


def main() -> dict[str, Any]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with ExitStack() as stack:
        host, _ = _start(stack, _host)
        proxy, pid = _start(stack, _proxy)
        grant = Grants(_SECRET).issue(
            Grant(
                tenant="bench",
                user="bench",
                task="bench",
                egress=(f"127.0.0.1:{host}",),
                expires=time.time() + 3600,
            )
        )

        def direct() -> socket.socket:
            return socket.create_connection(("127.0.0.1", host))

        def tunnel() -> socket.socket:
            return _connect(proxy, f"127.0.0.1:{host}", grant)

        rates: dict[str, list[float]] = {}
        for _ in range(TURNS):
            for name, connect in (("direct", direct), ("tunnel", tunnel)):
                rates.setdefault(f"{name}_down", []).append(_down(connect))
                rates.setdefault(f"{name}_up", []).append(_up(connect))
        opens: dict[str, list[float]] = {"direct": [], "tunnel": []}
        for _ in range(OPENS):
            for name, connect in (("direct", direct), ("tunnel", tunnel)):
                opens[name].append(_open_ms(connect))
        before = _resident(pid)
        idle = [stack.enter_context(tunnel()) for _ in range(IDLE)]
        kib = (_resident(pid) - before) / len(idle) / 1024
        return {
            "mib_per_s": {name: round(statistics.median(each)) for name, each in rates.items()},
            "open_ms": {name: round(statistics.median(each), 3) for name, each in opens.items()},
            "idle_tunnel_kib": round(kib, 1),
        }


def _down(connect: Callable[[], socket.socket]) -> float:
    with connect() as connection:
        connection.sendall(b"d")
        buffer, left, began = bytearray(PART), TOTAL, time.perf_counter()
        while left:
            left -= connection.recv_into(buffer, min(PART, left))
        return TOTAL / 2**20 / (time.perf_counter() - began)


def _up(connect: Callable[[], socket.socket]) -> float:
    with connect() as connection:
        part, began = bytes(PART), time.perf_counter()
        connection.sendall(b"u")
        for _ in range(TOTAL // PART):
            connection.sendall(part)
        assert connection.recv(1) == b"."
        return TOTAL / 2**20 / (time.perf_counter() - began)


def _open_ms(connect: Callable[[], socket.socket]) -> float:
    """Until the host has answered the first byte."""
    began = time.perf_counter()
    with connect() as connection:
        connection.sendall(b"p")
        assert connection.recv(1) == b"."
        return (time.perf_counter() - began) * 1000


def _connect(proxy: int, place: str, grant: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", proxy))
    head = f"CONNECT {place} HTTP/1.1\r\nProxy-Authorization: Bearer {grant}\r\n\r\n"
    connection.sendall(head.encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += connection.recv(1)
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    return connection


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def _start(stack: ExitStack, run: Callable[[Connection], None]) -> tuple[int, int]:
    """Port and process id of a server in a process of its own."""
    ours, theirs = _spawn.Pipe()
    process = _spawn.Process(target=run, args=(theirs,), daemon=True)
    process.start()
    stack.callback(process.join)
    stack.callback(process.terminate)
    assert process.pid
    return ours.recv(), process.pid


def _proxy(parent: Connection) -> None:
    async def serve() -> None:
        proxy = Proxy(
            Grants(_SECRET).verify,
            lambda task: True,
            Records(),
            networks=Networks.parse("127.0.0.0/8"),
            limits=Limits(task_tunnels=IDLE, skill_tunnels=IDLE),
        )
        _, port = await proxy.listen(host="127.0.0.1", port=0)
        parent.send(port)
        await asyncio.Event().wait()

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(serve())


def _host(parent: Connection) -> None:
    """Sends, takes or answers, as the first byte says; one connection after
    another, so that those which stay idle must come last."""
    with socket.create_server(("127.0.0.1", 0), backlog=2 * IDLE) as server:
        parent.send(server.getsockname()[1])
        while True:
            connection, _ = server.accept()
            with connection:
                match connection.recv(1):
                    case b"d":
                        part = bytes(PART)
                        for _ in range(TOTAL // PART):
                            connection.sendall(part)
                    case b"u":
                        buffer, left = bytearray(PART), TOTAL
                        while left:
                            left -= connection.recv_into(buffer, min(PART, left))
                        connection.sendall(b".")
                    case b"p":
                        connection.sendall(b".")


def table(result: dict[str, Any]) -> str:
    rate, opened = result["mib_per_s"], result["open_ms"]
    lines = [
        f"{name}, MiB/s   tunnel {rate[f'tunnel_{way}']:,}  direct {rate[f'direct_{way}']:,}   "
        f"tunnel / direct {rate[f'tunnel_{way}'] / rate[f'direct_{way}']:.2f}"
        for name, way in (("received", "down"), ("sent    ", "up"))
    ]
    return "\n".join(
        [
            *lines,
            f"to open, ms       tunnel {opened['tunnel']}  direct {opened['direct']}",
            f"idle tunnel, KiB  {result['idle_tunnel_kib']}",
        ]
    )
