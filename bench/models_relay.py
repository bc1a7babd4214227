"""What the gateway adds to passing bytes on, beside a relay that does nothing else.

Both are asked by one client, for one server that works on nothing, and take
turns in short rounds. One core holds whichever of them is measured, the other
one the client and the server. What counts is the CPU time of one process, which
other load on the machine disturbs less than it does the time of an answer.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench import processes
from bench.environments import ROOT
from bench.models_load import Client, Load
from bench.peers.tensors import request
from bench.servers import LOAD_CORE, SERVER_CORE

GATEWAY, RELAY = "gateway", "bare relay"
RELAY_KEEPS = "bare relay, memory kept"
"""With what models/malloc.py does for the gateway."""

_KEEPS = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(1 << 30)}

SECONDS, ROUNDS = 1.5, 7
"""Of load a round, and rounds."""
WARM = 0.3

SMALL, LARGE, PIECES = 1 << 10, 1 << 20, 512

ALONE, MANY, TENSORS = "1 KiB, one at a time", "1 KiB, 64 at a time", "1 MiB, 8 at a time"
SEQUENCES = "16 streams of requests"
ANSWERS = f"16 streams of {PIECES} pieces each"
LOADS: Mapping[str, Callable[[Client, float], Awaitable[Load]]] = {
    ALONE: lambda client, seconds: client.infer(request(SMALL), inflight=1, seconds=seconds),
    MANY: lambda client, seconds: client.infer(request(SMALL), inflight=64, seconds=seconds),
    TENSORS: lambda client, seconds: client.infer(request(LARGE), inflight=8, seconds=seconds),
    SEQUENCES: lambda client, seconds: client.sequence(request(64), 16, seconds),
    ANSWERS: lambda client, seconds: client.pieces(request(64, PIECES), 16, seconds),
}


@dataclass(frozen=True)
class Place:
    """Who passes requests on: its address, and what it wants to know of who asks."""

    pid: int
    address: str
    key: str = ""


def measure(gateway: Place, upstream: str) -> dict[str, Any]:
    """By load and place: p50, answers a second and CPU of each; medians of the rounds."""
    processes.pin([gateway.pid], SERVER_CORE)
    others = (each for each in processes.tree(gateway.pid) if each != gateway.pid)
    processes.pin(others, LOAD_CORE)
    with relay(upstream) as bare, relay(upstream, _KEEPS) as keeping:
        places = {RELAY: bare, GATEWAY: gateway, RELAY_KEEPS: keeping}
        return asyncio.run(_measure(places))


async def _measure(places: Mapping[str, Place]) -> dict[str, Any]:
    seen: dict[str, dict[str, list[dict[str, float]]]] = {}
    for number in range(ROUNDS):
        print(f"  round {number + 1} of {ROUNDS}", flush=True)
        for load in LOADS:
            names = [name for name in places if load == TENSORS or name != RELAY_KEEPS]
            for name in names if number % 2 else reversed(names):
                took = seen.setdefault(load, {}).setdefault(name, [])
                took.append(await _round(places[name], LOADS[load]))
    return {
        load: {name: _medians(rounds) for name, rounds in by_place.items()}
        for load, by_place in seen.items()
    }


async def _round(
    place: Place, load: Callable[[Client, float], Awaitable[Load]]
) -> dict[str, float]:
    async with Client(place.address, place.key) as client:
        await load(client, WARM)
        before = processes.cpu(place.pid, alone=True)
        found = await load(client, SECONDS)
        spent = processes.cpu(place.pid, alone=True) - before
    figures = {"rate": found.count / found.seconds, "cpu_us": spent * 1e6 / found.count}
    if found.took:
        figures["p50_ms"] = statistics.median(found.took) * 1000
    return figures


def _medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {
        figure: round(statistics.median(each[figure] for each in rounds), 3) for figure in rounds[0]
    }


@contextmanager
def relay(upstream: str, env: Mapping[str, str] = {}) -> Iterator[Place]:
    with started(SERVER_CORE, env, "bench.peers.relay", upstream) as place:
        yield place


@contextmanager
def upstream() -> Iterator[Place]:
    """A server that gives as many bytes back as it was sent."""
    with started(LOAD_CORE, {}, "bench.peers.tensors") as place:
        yield place


@contextmanager
def started(core: int, env: Mapping[str, str], *module: str) -> Iterator[Place]:
    """One that says its port, on a core of its own from the start."""
    paths = os.pathsep.join((str(ROOT), str(ROOT / "runtime")))
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", *module],
            env={**os.environ, "PYTHONPATH": paths, **env},
            stdout=subprocess.PIPE,
            text=True,
        )
    finally:
        os.sched_setaffinity(0, before)
    with process:
        assert process.stdout
        try:
            yield Place(process.pid, f"127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.terminate()
