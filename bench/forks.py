"""From the order to a zygote to an instance's first answer, and what instances take.

The zygote has loaded what a heavy skill asks for; the fork serves functions/echo.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import exchange, processes
from bench.servers import ECHO_FOLDER, LOAD_CORE, SERVER_CORE
from bench.spread import spread
from catnap.host.zygote import QUIET
from tests.host.conftest import Forked, Zygote

PRELOAD = ("boto3", "onnxruntime", "numpy")
LIVE = 10
"""Instances at once while their memory is looked at."""


def measure(count: int) -> dict[str, Any]:
    """Half of `count` by a zygote that has rested, half right after those."""
    took: dict[str, list[float]] = {"rested": [], "busy": []}
    with tempfile.TemporaryDirectory() as folder:
        loaded, plain = _start(folder, *PRELOAD), _start(folder)
        try:
            for number in range(count // 2):
                # A zygote that has had a moment's rest has forked a child ahead.
                time.sleep(2 * QUIET)
                took["rested"].append(_once(loaded, f"rested-{number}"))
                took["busy"].append(_once(loaded, f"busy-{number}"))
            memory = {"preloaded": _memory(loaded, "loaded"), "plain": _memory(plain, "plain")}
        finally:
            loaded.close()
            plain.close()
    return {"ms": {name: spread(ms) for name, ms in took.items()}, "mib": memory}


def _start(folder: str, *preload: str) -> Zygote:
    os.sched_setaffinity(0, {SERVER_CORE})
    try:
        zygote = Zygote(Path(folder), *preload)
    finally:
        os.sched_setaffinity(0, {LOAD_CORE})
    assert zygote.hear() == {"op": "ready"}
    return zygote


def _once(zygote: Zygote, name: str) -> float:
    began = time.perf_counter()
    forked = zygote.fork(name, ECHO_FOLDER)
    answer = exchange.ask(forked.target.path)
    took = (time.perf_counter() - began) * 1000
    assert exchange.is_echo(answer), answer
    zygote.hear()
    forked.told()
    _end(zygote, {name: forked})
    return took


def _memory(zygote: Zygote, prefix: str) -> dict[str, float]:
    """MiB of the zygote alone, of its first instance, and of one among several."""
    found = {"zygote_rss": processes.memory([zygote.process.pid], "Rss")}
    live: dict[str, Forked] = {}
    pids: list[int] = []
    for number in range(LIVE):
        name = f"{prefix}-{number}"
        live[name] = zygote.fork(name, ECHO_FOLDER)
        exchange.ask(live[name].target.path)
        pids.append(zygote.hear()["pid"])
        live[name].told()
        if number == 0:
            found["first_pss"] = processes.memory(pids[:1], "Pss")
            found["first_private"] = processes.memory(pids[:1], "Private_Dirty")
    found["pss_of_many"] = processes.memory(pids, "Pss") / LIVE
    _end(zygote, live)
    return {name: round(mib, 1) for name, mib in found.items()}


def _end(zygote: Zygote, forked: dict[str, Forked]) -> None:
    for name in forked:
        zygote.say(op="kill", id=name, signal=signal.SIGKILL)
    for _ in forked:
        assert zygote.hear()["op"] == "exited"
    for one in forked.values():
        one.output()
