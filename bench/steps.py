"""Load in steps on the local platform: 1, 200, 1, 0 callers at once.

A skill that takes 100 ms, ten calls to an instance, windows of 6 s: what each
step waited, how many instances there were, and what the autoscaler decided.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.spread import spread
from catnap.services import images
from catnap.services.local import LocalPlatform
from catnap.services.platform import Route
from catnap.services.render import service
from catnap.skills.manifest import parse_manifest

STEPS = ((1, 10), (200, 20), (1, 20), (0, 24))
"""Callers at once, and for how many seconds."""

MANIFEST = """
name = "steady"
description = "Takes 100 ms."
[scale]
max = 0
concurrency = 10
window = "6s"
"""
MAIN = """
import asyncio
from catnap import skill

@skill
async def main(ctx, request: dict) -> dict:
    await asyncio.sleep(0.1)
    return request
"""
HEADERS = [(b"content-type", b"application/json")]


@dataclass
class Step:
    callers: int
    took: list[float] = field(default_factory=list)
    """Milliseconds."""
    errors: int = 0
    most: int = 0
    """Instances."""


async def _measure(home: Path) -> dict[str, Any]:
    folder = home / "steady"
    folder.mkdir()
    (folder / "skill.toml").write_text(MANIFEST)
    (folder / "main.py").write_text(MAIN)
    image = images.build(folder, home).reference
    platform = LocalPlatform(home, "127.0.0.1:1", lambda *line: None)
    try:
        await platform.warm()
        manifest = parse_manifest(MANIFEST)
        await platform.apply(service(manifest, image=image, namespace="bench"))
        seen: list[dict[str, Any]] = []
        steps = [await _step(platform, *each, seen) for each in STEPS]
        left = sum(each.instances for each in platform.status())
        return {"steps": [_figures(each) for each in steps], "left": left, "decisions": seen}
    finally:
        await platform.close()


def _figures(step: Step) -> dict[str, Any]:
    ms = spread(step.took) if step.took else {"p50": 0.0, "p95": 0.0}
    calls = {"callers": step.callers, "calls": len(step.took), "errors": step.errors}
    return {**calls, "ms": ms, "most": step.most}


async def _step(
    platform: LocalPlatform, callers: int, seconds: float, seen: list[dict[str, Any]]
) -> Step:
    """seen: takes each decision that is not as the one before."""
    step = Step(callers)
    end = time.perf_counter() + seconds

    async def caller() -> None:
        while (began := time.perf_counter()) < end:
            try:
                async with platform.deliver(Route("bench", "steady"), HEADERS, b"{}") as delivery:
                    await delivery.reply.read()
                    step.errors += delivery.reply.status != 200
            except Exception:
                step.errors += 1
            step.took.append((time.perf_counter() - began) * 1000)

    async def watcher() -> None:
        while time.perf_counter() < end:
            [revision] = platform.snapshot()[0].revisions
            step.most = max(step.most, len(revision.instances))
            for decision in revision.decisions[:1]:
                decided = {"callers": callers, "want": decision.want, "why": decision.why}
                if not seen or seen[-1] != decided:
                    seen.append(decided)
            await asyncio.sleep(0.05)

    await asyncio.gather(watcher(), *(caller() for _ in range(callers)))
    return step


def main() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as home:
        return asyncio.run(_measure(Path(home)))


def table(result: dict[str, Any]) -> str:
    rows = ["| callers | calls | errors | p50 ms | p95 ms | instances at most |"]
    rows.append("|---|---|---|---|---|---|")
    for step in result["steps"]:
        ms = step["ms"]
        rows.append(
            f"| {step['callers']} | {step['calls']:,} | {step['errors']} | {ms['p50']} "
            f"| {ms['p95']} | {step['most']} |"
        )
    rows.append(f"\n{result['left']} instances are left. Decisions:")
    rows += [f"  {each['want']:3}  {each['why']}" for each in result["decisions"]]
    return "\n".join(rows)
