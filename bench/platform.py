"""The whole platform: start, idle memory, cold starts and warm calls through it.

Calls go over HTTP with authentication, admission and a record of each task. A
cold call's user has no instance yet; one after the other they leave the zygote no
time to fork ahead, apart they do. Warm calls take turns with calls of an
instance directly and of bare uvicorn; what each stage costs comes from a run of
its own, whose clock would disturb the others. Idle memory is with every skill of
functions/ deployed and none called yet.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import exchange, gateway_load, stages, wrk
from bench.memory import by_role
from bench.platform_table import table
from bench.spread import spread
from catnap.http import Client, Target
from tests.platform.running import ROOT, Running

__all__ = ["main", "table"]

COLD = 200
APART = 0.15
"""Seconds in which a zygote that nobody asks has a child ready for the next start."""
SECONDS, ROUNDS = 3, 5
"""Of load a round, and rounds."""


def main() -> dict[str, Any]:
    wrk.program()
    cores = os.sched_getaffinity(0)
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            functions = _functions(folder / "functions")
            home = folder / "home"
            home.mkdir(mode=0o700)
            result = {"ready_s": _starts(home, functions)}
            platform = Running(home, functions)
            try:
                result |= asyncio.run(_cold(platform, "cold", 0.0))
                result |= asyncio.run(_cold(platform, "cold_apart", APART))
                gateway = gateway_load.through(platform, "echo")
                result["warm"] = gateway_load.measure(gateway, SECONDS, ROUNDS)
            finally:
                platform.stop()
            result["stages_us"] = stages.measure(home, functions, SECONDS)
            os.sched_setaffinity(0, cores)
            idle = _idle(folder / "idle")
            return {**result, "idle_mib": {**idle, "all": round(sum(idle.values()), 1)}}
    finally:
        os.sched_setaffinity(0, cores)


def _functions(folder: Path) -> Path:
    """echo, and one of which every user has an instance of his own."""
    for name in ("echo", "alone"):
        shutil.copytree(ROOT / "functions" / "echo", folder / name)
    manifest = folder / "alone" / "skill.toml"
    text = manifest.read_text().replace('"echo"', '"alone"')
    manifest.write_text(text + '\n[session]\nshare = "user"\n')
    source = folder / "alone" / "main.py"
    source.write_text(source.read_text().replace("def echo", "def alone"))
    return folder


def _starts(home: Path, functions: Path) -> dict[str, float]:
    """Seconds until it is ready; the first start builds the skills."""
    took = {}
    for name in ("first", "second"):
        began = time.perf_counter()
        platform = Running(home, functions)
        took[name] = round(time.perf_counter() - began, 2)
        platform.stop()
    return took


def _idle(home: Path) -> dict[str, float]:
    """MiB by process while every skill that comes along is at zero."""
    home.mkdir(mode=0o700)
    kept = ROOT / ".catnap" / "environments"  # made once, not for each figure
    kept.mkdir(parents=True, exist_ok=True)
    (home / "environments").symlink_to(kept)
    platform = Running(home, ROOT / "functions")
    try:
        with platform.client() as client:
            assert all(skill.instances == 0 for skill in client.skills.list())
        return by_role(platform)
    finally:
        platform.stop()


async def _cold(platform: Running, name: str, pause: float) -> dict[str, Any]:
    """First calls, so many seconds apart, and what Server-Timing says of them."""
    client, target = Client(), Target.parse(platform.http)
    key = [(b"authorization", f"Bearer {platform.key}".encode()), _JSON]
    took: list[float] = []
    parts: list[dict[str, float]] = []
    for number in range(COLD):
        await asyncio.sleep(pause)
        headers = [*key, (b"catnap-user", f"{name}-{number}".encode())]
        began = time.perf_counter()
        reply = await client.request(target, "POST", "/skills/alone", headers, exchange.BODY)
        body = await reply.read()
        took.append((time.perf_counter() - began) * 1000)
        assert (reply.status, body) == (200, exchange.BODY), body
        said = reply.headers[b"server-timing"].decode().split(", ")
        parts.append({part.split(";dur=")[0]: float(part.split(";dur=")[1]) for part in said})
        assert "start" in parts[-1], "this call met an instance"
    await client.close()
    medians = {part: statistics.median(one.get(part, 0.0) for one in parts) for part in parts[0]}
    medians["rest"] = statistics.median(
        whole - sum(one.values()) for whole, one in zip(took, parts, strict=True)
    )
    return {
        f"{name}_ms": spread(took),
        f"{name}_parts_ms": {part: round(value, 2) for part, value in medians.items()},
    }


_JSON = (b"content-type", b"application/json")
