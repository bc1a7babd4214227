"""The function host beside functions-framework, func-python and bare uvicorn.

One core serves, another loads. Every server gets the same binary CloudEvent and
sends it back as one; ours checks event and payload, the bare ASGI echo looks at
nothing. All take turns in short rounds, so that whatever else the machine does
meets them alike; what is shown is the median.
"""

from __future__ import annotations

import os
import statistics
from typing import Any

from bench import exchange, processes, servers, wrk
from bench.environments import python
from bench.forks import measure as fork
from bench.host_table import CONNECTIONS, table
from bench.servers import Running, Server
from bench.spread import spread

__all__ = ["OPTIONS", "main", "table"]

BUSY = 0.5
"""Load average from which on somebody else is at work here."""

OPTIONS = {
    "seconds": (2, "of load a round"),
    "rounds": (5, "of load for each server; 0 leaves load out"),
    "starts": (20, "of each server; 0 leaves them out"),
    "forks": (60, "of a zygote; 0 leaves them out"),
    "only": ("", "servers to load: parts of their names, with commas between"),
}


def main(*, seconds: int, rounds: int, starts: int, forks: int, only: str) -> dict[str, Any]:
    """Measures; the arguments are what OPTIONS says."""
    if not {servers.SERVER_CORE, servers.LOAD_CORE} <= os.sched_getaffinity(0):
        raise SystemExit("core 0 serves and core 1 loads: this process may not use both")
    wrk.program()
    parts = only.split(",")
    loaded = [one for one in servers.SERVERS if any(part in one.name for part in parts)]
    for name in {one.environment: None for one in (*loaded, *servers.STARTED)}:
        python(name)
    busy = os.getloadavg()[0]
    if busy > BUSY:
        print(
            f"  the machine has other work (load {busy:.1f}): figures are worse and further apart"
        )
    result: dict[str, Any] = {"request_bytes": len(exchange.request()), "busy": round(busy, 2)}
    cores = os.sched_getaffinity(0)
    try:
        if rounds:
            result["load"] = _load(loaded, seconds, rounds)
        if starts:
            result["start"] = _starts(starts)
        if forks:
            print(f"  {forks} forks", flush=True)
            result["fork"] = fork(forks)
    finally:
        os.sched_setaffinity(0, cores)
    return result


def _load(loaded: list[Server], seconds: int, rounds: int) -> dict[str, Any]:
    """What each server is like, and by number of connections what a request takes."""
    running: list[Running] = []
    found: dict[str, Any] = {}
    seen: dict[tuple[str, int], list[dict[str, float]]] = {}
    try:
        for server in loaded:
            running.append(Running(server))
            running[-1].first_answer()
            running[-1].facts()
        for number in range(rounds):
            for connections in CONNECTIONS:
                print(f"  round {number + 1} of {rounds}, c{connections}", flush=True)
                for one in running[number:] + running[:number]:  # nobody is always first
                    took = _round(one, connections, seconds)
                    seen.setdefault((one.server.name, connections), []).append(took)
        for one in running:
            found[one.server.name] = one.facts()
    finally:
        for one in running:
            one.stop()
    for (name, connections), took in seen.items():
        found[name][f"c{connections}"] = {
            figure: round(statistics.median(one[figure] for one in took), 3) for figure in took[0]
        }
    return found


def _round(one: Running, connections: int, seconds: int) -> dict[str, float]:
    before = processes.cpu(one.process.pid)
    try:
        load = wrk.load(f"127.0.0.1:{one.address[1]}/", connections, seconds)
    except RuntimeError as error:
        raise SystemExit(f"{one.server.name}: {error}") from None
    spent = processes.cpu(one.process.pid) - before
    return {
        "rps": load.requests / load.seconds,
        "p50_ms": load.p50_ms,
        "p99_ms": load.p99_ms,
        "cpu_us": spent * 1e6 / load.requests,
    }


def _starts(count: int) -> dict[str, Any]:
    """Milliseconds from exec to the first answer, in turn, and memory then."""
    took: dict[str, list[float]] = {server.name: [] for server in servers.STARTED}
    memory: dict[str, float] = {}
    for number in range(count + 1):
        if number % 5 == 0:
            print(f"  start {number} of {count}", flush=True)
        for server in servers.STARTED:
            one = Running(server)
            try:
                ms = one.first_answer()
                tree = processes.tree(one.process.pid)
                memory[server.name] = round(processes.memory(tree, "Rss"), 1)
            finally:
                one.stop()
            if number:  # the first of each fills the kernel's caches
                took[server.name].append(ms)
    return {name: {**spread(ms), "rss_mib": memory[name]} for name, ms in took.items()}
