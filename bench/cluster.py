"""On a cluster: what the gateway adds to Knative, from zero and warm.

The peer of a cold call is the same image, called straight through Knative's
activator; of a warm one, its pod called directly, by the port of its queue
proxy. Several copies of echo go to zero together, so that pairs come in turn.
Needs KUBECONFIG and what `catnap deploy` needs to make images.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from catnap.errors import CatnapError
from catnap.http import Client, Target
from tests.cluster.deployed import Deployed
from tests.cluster.kube import get, pods, until_gone

COPIES = 5
ROUNDS = 3
WARM = 400
QUEUE_PROXY = 8012
SETTLE = 1.0
"""Seconds for the cluster to be done with the pod before."""

Headers = list[tuple[bytes, bytes]]
_JSON = (b"content-type", b"application/json")


def main() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        functions = Path(folder) / "functions"
        names = [f"echo-{number}" for number in range(COPIES)]
        for name in names:
            _copy(functions / name)
        deployed = Deployed(Path(folder), functions)
        try:
            began = time.perf_counter()
            deployed.start()
            first = time.perf_counter() - began
            began = time.perf_counter()
            deployed.deploy()
            again = time.perf_counter() - began
            measured = asyncio.run(_measure(deployed, names))
        finally:
            deployed.remove()
    return {"deploy_s": {"first": round(first, 1), "again": round(again, 1)}, **measured}


def _copy(folder: Path) -> None:
    root = Path(__file__).resolve().parents[1]
    shutil.copytree(root / "functions" / "echo", folder)
    manifest = folder / "skill.toml"
    manifest.write_text(
        manifest.read_text().replace('"echo"', f'"{folder.name}"') + '\n[scale]\nwindow = "6s"\n'
    )


async def _measure(deployed: Deployed, names: list[str]) -> dict[str, Any]:
    client = Client()
    gateway = Target.parse(deployed.http)
    service = get("service", "activator-service", "-n", "knative-serving")
    activator = Target(service["spec"]["clusterIP"], 80)
    key: Headers = [(b"authorization", f"Bearer {deployed.key}".encode()), _JSON]

    revisions = {
        name: get("ksvc", name, "-n", deployed.namespace)["status"]["latestReadyRevisionName"]
        for name in names
    }

    async def ours(name: str) -> tuple[float, dict[str, float]]:
        return await _call(client, gateway, f"/skills/{name}", key)

    async def theirs(name: str) -> tuple[float, dict[str, float]]:
        headers = [
            (b"knative-serving-namespace", deployed.namespace.encode()),
            (b"knative-serving-revision", revisions[name].encode()),
            _JSON,
        ]
        return await _call(client, activator, "/", headers)

    def zero() -> None:
        for name in names:
            until_gone(deployed.namespace, name)

    cold: dict[str, list[tuple[float, dict[str, float]]]] = {"ours": [], "theirs": []}
    ways = (("theirs", theirs), ("ours", ours))
    for turn in range(2 * ROUNDS):
        await asyncio.to_thread(zero)
        for number, name in enumerate(names):
            way, call = ways[(turn + number) % 2]
            await asyncio.sleep(SETTLE)
            cold[way].append(await call(name))
    warm = await _warm(deployed, client, gateway, names[0], key)
    await client.close()
    parts = {
        part: round(statistics.median(found.get(part, 0.0) for _, found in cold["ours"]), 1)
        for part in ("queue", "start", "import", "init", "handle")
    }
    medians = {way: statistics.median(ms for ms, _ in found) for way, found in cold.items()}
    return {
        "pairs": ROUNDS * COPIES,
        "cold_ms": {way: round(ms, 1) for way, ms in medians.items()},
        "cold_all_ms": {way: [round(ms) for ms, _ in found] for way, found in cold.items()},
        "cold_added_ms": round(medians["ours"] - medians["theirs"], 1),
        "cold_parts_ms": parts,
        **warm,
    }


async def _warm(
    deployed: Deployed, client: Client, gateway: Target, name: str, key: Headers
) -> dict[str, Any]:
    await _call(client, gateway, f"/skills/{name}", key)
    [pod] = pods(deployed.namespace, name)
    direct = Target(pod["status"]["podIP"], QUEUE_PROXY)
    ours, theirs = [], []
    for number in itertools.count():
        through = (await _call(client, gateway, f"/skills/{name}", key))[0]
        alone = (await _call(client, direct, "/", [_JSON]))[0]
        if number >= WARM:
            break
        ours.append(through)
        theirs.append(alone)
    medians = statistics.median(ours), statistics.median(theirs)
    return {
        "warm_ms": {"ours": round(medians[0], 2), "theirs": round(medians[1], 2)},
        "warm_added_ms": round(medians[0] - medians[1], 2),
    }


async def _call(
    client: Client, target: Target, path: str, headers: Headers
) -> tuple[float, dict[str, float]]:
    began = time.perf_counter()
    reply = await client.request(target, "POST", path, headers, b'{"a":1}')
    said = await reply.read()
    took = (time.perf_counter() - began) * 1000
    if reply.status != 200:
        raise CatnapError(f"{target}{path}: {reply.status} {said[:200]!r}")
    timing = reply.headers.get(b"server-timing", b"").decode()
    parts = dict(part.strip().split(";dur=") for part in timing.split(",") if ";dur=" in part)
    return took, {name: float(value) for name, value in parts.items()}


def table(result: dict[str, Any]) -> str:
    cold, warm, deploy = result["cold_ms"], result["warm_ms"], result["deploy_s"]
    parts = "  ".join(f"{name} {ms}" for name, ms in result["cold_parts_ms"].items())
    return (
        f"deploy, s         first {deploy['first']}, without a change {deploy['again']}\n"
        f"from zero, ms     p50 {cold['ours']}   ({parts})\n"
        f"  activator       p50 {cold['theirs']}   added {result['cold_added_ms']}, "
        f"ours / peer {cold['ours'] / cold['theirs']:.2f}\n"
        f"warm, ms          p50 {warm['ours']}\n"
        f"  the pod itself  p50 {warm['theirs']}   added {result['warm_added_ms']}, "
        f"ours / peer {warm['ours'] / warm['theirs']:.2f}"
    )
