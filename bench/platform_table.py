"""The figures of `bench/platform.py` as tables, and beside what is promised."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from bench.gateway_load import BARE, BARE_ASYNCIO, DIRECT, GATEWAY
from bench.host_table import Target, columns, verdicts


def table(result: dict[str, Any]) -> str:
    console = Console(width=124, highlight=False)
    ready = result["ready_s"]
    with console.capture() as capture:
        console.print(f"ready             first {ready['first']} s, again {ready['second']} s")
        console.print(f"idle memory, MiB  {_named(result['idle_mib'])}")
        for said, name in (("cold call, ms   ", "cold"), ("  not in a row  ", "cold_apart")):
            cold = result[f"{name}_ms"]
            console.print(f"{said}  p50 {cold['p50']}  p95 {cold['p95']}")
            console.print(f"  its parts       {_named(result[f'{name}_parts_ms'])}")
        console.print("Warm calls: a CloudEvent to an echo")
        console.print(_warm(result["warm"]))
        console.print("A call's stages in the gateway at c64, us of CPU")
        console.print(_stages(result["stages_us"]))
        console.print(verdicts(targets(result)))
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def targets(result: dict[str, Any]) -> list[Target]:
    warm = result["warm"]
    more = warm[GATEWAY]["c1"]["p50_ms"] - warm[DIRECT]["c1"]["p50_ms"]
    cpu = {name: found["c64"]["cpu_us"] for name, found in warm.items()}
    return [
        Target("cold call through the gateway, p50, ms", result["cold_ms"]["p50"], "<=", 25, 15),
        Target("p50 over the instance directly at c1, ms", more, "<=", 0.6),
        Target(
            "the gateway's CPU a call at c64 / uvicorn bare",
            cpu[GATEWAY] / cpu[BARE],
            "<=",
            3.5,
            2.5,
        ),
        Target(
            "  the same / uvicorn on asyncio, as the gateway is",
            cpu[GATEWAY] / cpu[BARE_ASYNCIO],
            "<=",
            3.5,
            2.5,
        ),
    ]


def _named(values: dict[str, float]) -> str:
    return "  ".join(f"{name} {value}" for name, value in values.items())


def _warm(warm: dict[str, Any]) -> Table:
    made = columns("", "", "rps", "p50 ms", "p99 ms", "CPU us", "/ uvicorn")
    for key in ("c1", "c64"):
        for name, found in warm.items():
            one = found[key]
            made.add_row(
                *(name, key, f"{one['rps']:,.0f}", f"{one['p50_ms']:.2f}", f"{one['p99_ms']:.2f}"),
                *(f"{one['cpu_us']:.0f}", f"{one['cpu_us'] / warm[BARE][key]['cpu_us']:.2f}"),
            )
        made.add_section()
    return made


def _stages(stages: dict[str, float]) -> Table:
    made = columns("stage", "us a call")
    for name, spent in stages.items():
        made.add_row(name, f"{spent:.1f}")
    made.add_section()
    made.add_row("all", f"{sum(stages.values()):.1f}")
    return made
