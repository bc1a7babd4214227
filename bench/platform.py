"""The whole platform: start, idle memory, cold and warm calls, beside functions-framework.

Idle memory is with every skill of functions/ deployed and none called yet.
The peer serves the same echo by the stock `functions-framework` command: its
cold figure is from exec to first answer, its warm one a plain HTTP call. Ours
go through the gateway, with authentication and a record of each task.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.memory import by_role
from bench.spread import spread
from catnap.errors import CatnapError
from catnap.http import Client, Target
from tests.platform.running import ROOT, Running

COLD = 40
WARM = 300
PEER_COLD = 5


def main() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        functions = Path(folder) / "functions"
        shutil.copytree(ROOT / "functions" / "echo", functions / "echo")
        # One instance a user, so that every new user meets a cold start.
        manifest = functions / "echo" / "skill.toml"
        manifest.write_text(manifest.read_text() + '\n[session]\nshare = "user"\n')
        home = Path(folder) / "home"
        home.mkdir(mode=0o700)
        began = time.perf_counter()
        platform = Running(home, functions)
        first = time.perf_counter() - began
        platform.stop()
        began = time.perf_counter()
        platform.start()
        second = time.perf_counter() - began
        try:
            measured = asyncio.run(_calls(platform))
        finally:
            platform.stop()
        idle = _idle(Path(folder) / "idle")
        return {
            "ready_s": {"first": round(first, 2), "second": round(second, 2)},
            "idle_mib": {**idle, "all": round(sum(idle.values()), 1)},
            **measured,
            **asyncio.run(_peer(functions / "echo")),
        }


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


async def _calls(platform: Running) -> dict[str, Any]:
    client = Client()
    target = Target.parse(platform.http)
    key = [(b"authorization", f"Bearer {platform.key}".encode()), _JSON]

    async def call(user: str) -> tuple[float, dict[str, float]]:
        began = time.perf_counter()
        headers = [*key, (b"catnap-user", user.encode())]
        reply = await client.request(target, "POST", "/skills/echo", headers, b'{"a":1}')
        await reply.read()
        took = (time.perf_counter() - began) * 1000
        assert reply.status == 200
        parts = reply.headers[b"server-timing"].decode().split(", ")
        return took, {p.split(";dur=")[0]: float(p.split(";dur=")[1]) for p in parts}

    cold = [await call(f"user-{number}") for number in range(COLD)]
    warm = [(await call("user-0"))[0] for _ in range(WARM)]
    await client.close()
    parts = {
        name: round(statistics.median(p.get(name, 0.0) for _, p in cold), 2) for name in cold[0][1]
    }
    return {
        "cold_ms": spread([took for took, _ in cold]),
        "cold_parts_ms": parts,
        "warm_ms": spread(warm),
    }


async def _peer(echo: Path) -> dict[str, Any]:
    (echo / "peer.py").write_text(
        "import functions_framework\n\n\n@functions_framework.http\n"
        "def echo(request):\n    return request.get_json()\n"
    )
    cold, warm = [], []
    for number in range(PEER_COLD):
        port = 18090 + number
        command = [str(Path(sys.executable).parent / "functions-framework"), "--target", "echo"]
        began = time.perf_counter()
        process = subprocess.Popen(
            [*command, "--source", str(echo / "peer.py"), "--port", str(port)],
            env={**os.environ, "PYTHONPATH": str(echo)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        client = Client()
        target = Target("127.0.0.1", port)
        try:
            while time.perf_counter() - began < 30:
                try:
                    await _ask(client, target)
                    break
                except CatnapError:
                    await asyncio.sleep(0.002)
            cold.append((time.perf_counter() - began) * 1000)
            for _ in range(WARM // PEER_COLD):
                asked = time.perf_counter()
                await _ask(client, target)
                warm.append((time.perf_counter() - asked) * 1000)
        finally:
            await client.close()
            process.terminate()
            process.wait()
    return {"peer_cold_ms": spread(cold), "peer_warm_ms": spread(warm)}


async def _ask(client: Client, target: Target) -> None:
    reply = await client.request(target, "POST", "/", [_JSON], b'{"a":1}')
    await reply.read()


def table(result: dict[str, Any]) -> str:
    cold, warm = result["cold_ms"], result["warm_ms"]
    peer_cold, peer_warm = result["peer_cold_ms"], result["peer_warm_ms"]
    parts = "  ".join(f"{name} {ms}" for name, ms in result["cold_parts_ms"].items())
    memory = "  ".join(f"{role} {mib}" for role, mib in result["idle_mib"].items())
    ready = result["ready_s"]
    return (
        f"ready             first {ready['first']} s, again {ready['second']} s\n"
        f"idle memory, MiB  {memory}\n"
        f"cold call, ms     p50 {cold['p50']}  p95 {cold['p95']}   ({parts})\n"
        f"  functions-fw    p50 {peer_cold['p50']}   ours / peer "
        f"{cold['p50'] / peer_cold['p50']:.2f}\n"
        f"warm call, ms     p50 {warm['p50']}  p95 {warm['p95']}\n"
        f"  functions-fw    p50 {peer_warm['p50']}   ours / peer "
        f"{warm['p50'] / peer_warm['p50']:.2f}"
    )


_JSON = (b"content-type", b"application/json")
