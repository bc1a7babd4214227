"""Warm calls through the gateway, to the instance directly, and bare uvicorn's echo.

One core holds whichever of them is measured, the other one the load and, behind
the gateway, the instance. They take turns in short rounds.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench import exchange, processes, servers, wrk
from bench.servers import LOAD_CORE, SERVER_CORE
from tests.platform.running import Running

CONNECTIONS = (1, 64)
GATEWAY, DIRECT, BARE = "gateway", "instance directly", "uvicorn bare"
BARE_ASYNCIO = "uvicorn bare, asyncio"
"""On the event loop that the gateway has, too."""


@dataclass(frozen=True)
class Place:
    """address: host:port/path. cpu: seconds that what is measured has taken."""

    name: str
    address: str
    headers: dict[str, str]
    cpu: Callable[[], float]


def through(platform: Running, skill: str) -> Place:
    """A skill behind the gateway. The gateway keeps one core to itself."""
    pid = platform.process.pid
    others = [one for one in processes.tree(pid) if one != pid]
    processes.pin([pid], SERVER_CORE)
    processes.pin(others, LOAD_CORE)
    return Place(
        GATEWAY,
        f"{platform.http}/skills/{skill}",
        {**exchange.EVENT, "authorization": f"Bearer {platform.key}"},
        lambda: processes.cpu(pid, alone=True),
    )


def measure(gateway: Place, seconds: int, rounds: int) -> dict[str, Any]:
    """By place and number of connections: p50 and p99, requests and CPU of each."""
    alone = {
        DIRECT: servers.ECHO_UVLOOP,
        BARE: servers.UVICORN,
        BARE_ASYNCIO: servers.UVICORN_ASYNCIO,
    }
    running = [servers.Running(server) for server in alone.values()]
    try:
        places = [gateway]
        for name, one in zip(alone, running, strict=True):
            one.first_answer()
            places.append(_alone(name, one))
        for place in places:
            wrk.load(place.address, CONNECTIONS[-1], 1, place.headers)  # warms it
        seen: dict[str, dict[str, list[dict[str, float]]]] = {}
        for number in range(rounds):
            for connections in CONNECTIONS:
                print(f"  round {number + 1} of {rounds}, c{connections}", flush=True)
                for place in _turned(places, number):
                    took = seen.setdefault(place.name, {}).setdefault(f"c{connections}", [])
                    took.append(_round(place, connections, seconds))
    finally:
        for one in running:
            one.stop()
    return {
        name: {
            key: {
                figure: round(statistics.median(one[figure] for one in took), 3)
                for figure in took[0]
            }
            for key, took in by_connections.items()
        }
        for name, by_connections in seen.items()
    }


def _turned(places: list[Place], number: int) -> list[Place]:
    """Nobody is always first."""
    first = number % len(places)
    return places[first:] + places[:first]


def _alone(name: str, one: servers.Running) -> Place:
    address, pid = f"127.0.0.1:{one.address[1]}/", one.process.pid
    return Place(name, address, dict(exchange.EVENT), lambda: processes.cpu(pid))


def _round(place: Place, connections: int, seconds: int) -> dict[str, float]:
    before = place.cpu()
    load = wrk.load(place.address, connections, seconds, place.headers)
    spent = place.cpu() - before
    return {
        "rps": load.requests / load.seconds,
        "p50_ms": load.p50_ms,
        "p99_ms": load.p99_ms,
        "cpu_us": spent * 1e6 / load.requests,
    }
