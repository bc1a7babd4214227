"""What a tenant that has one request at a time feels of another's flood.

The model server takes batches of fixed size and time, so that what is measured is
the wait at the gateway and before the server's next batch.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from bench.host_table import Target, verdicts
from bench.models_load import Client
from bench.models_relay import started
from bench.peers.batches import SECONDS, SIZE
from bench.peers.tensors import MODEL, request
from bench.servers import LOAD_CORE
from tests.platform.running import Running

WAITING = 1000
"""Requests of the tenant that floods, all the time."""

QUIET, LOUD = "quiet", f"beside {WAITING:,} that wait"

_FOR = 15.0
"""Seconds of each."""
_STARTS = 6.0
"""Until the flood is one."""


def main() -> dict[str, Any]:
    with (
        tempfile.TemporaryDirectory() as name,
        started(LOAD_CORE, {}, "bench.peers.batches") as server,
    ):
        folder = Path(name)
        for each in ("home", "functions"):
            (folder / each).mkdir(mode=0o700)
        models = folder / "models.toml"
        models.write_text(f'[{MODEL}]\nservers = ["{server.address}"]\n')
        platform = Running(folder / "home", folder / "functions", CATNAP_MODELS=str(models))
        try:
            return asyncio.run(_measure(platform))
        finally:
            platform.stop()


async def _measure(platform: Running) -> dict[str, Any]:
    flood, other = [await _key(platform, tenant) for tenant in ("flood", "other")]
    raw = request(16)
    async with Client(platform.grpc, other) as calm:
        await calm.infer(raw, inflight=1, seconds=1.0)
        quiet = (await calm.infer(raw, inflight=1, seconds=_FOR)).took
        # By a process of its own: its answers are not to wait here for the flood's.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as elsewhere:
            lasts = _STARTS + _FOR + 2
            flooding = elsewhere.submit(_flood, platform.grpc, flood, lasts)
            await asyncio.sleep(_STARTS)
            beside = (await calm.infer(raw, inflight=1, seconds=_FOR)).took
            rate = await asyncio.wrap_future(flooding)
    return {
        "batch_ms": SECONDS * 1000,
        QUIET: _figures(quiet),
        LOUD: _figures(beside),
        "flood": {"rate": rate, "most": SIZE / SECONDS},
    }


def _flood(address: str, key: str, seconds: float) -> float:
    """Gives how many a second were answered."""

    async def flood() -> float:
        async with Client(address, key) as loud:
            load = await loud.infer(request(16), inflight=WAITING, seconds=seconds)
            return load.count / load.seconds

    return asyncio.run(flood())


async def _key(platform: Running, tenant: str) -> str:
    wanted = {"name": "bench", "roles": ["caller"]}
    status, _, body = await platform.request("POST", f"/keys?tenant={tenant}", wanted)
    assert status < 300, body
    return str(msgspec.json.decode(body)["secret"])


def _figures(took: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(took, n=20)
    return {"p50_ms": cuts[9] * 1000, "p95_ms": cuts[18] * 1000, "requests": len(took)}


def table(result: dict[str, Any]) -> str:
    lines = [
        f"{name:26} p50 {result[name]['p50_ms']:6.1f} ms   p95 {result[name]['p95_ms']:6.1f} ms"
        for name in (QUIET, LOUD)
    ]
    flood = result["flood"]
    lines.append(f"{'the flood':26} {flood['rate']:,.0f} a second of {flood['most']:,.0f}")
    bound = 2 * result[QUIET]["p95_ms"] + result["batch_ms"]
    promised = Target(
        "p95 beside a flood / (2 x quiet + a batch)", result[LOUD]["p95_ms"] / bound, "<=", 1.0
    )
    console = Console(width=124, highlight=False)
    with console.capture() as capture:
        console.print(verdicts([promised]))
    return "\n".join([*lines, *(line.rstrip() for line in capture.get().splitlines())])
