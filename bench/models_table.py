"""The figures of `bench/models.py` as tables, and beside what is promised."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.host_table import Target, columns, verdicts
from bench.models_embedding import BATCHED, INFLIGHT, SESSION, TOKENS, UNBATCHED
from bench.models_relay import (
    ALONE,
    ANSWERS,
    GATEWAY,
    MANY,
    RELAY,
    RELAY_KEEPS,
    SEQUENCES,
    TENSORS,
)


def table(result: dict[str, Any]) -> str:
    console = Console(width=124, highlight=False)
    with console.capture() as capture:
        console.print("Requests and messages that are passed on, the gateway's CPU alone")
        console.print(_passed(result["relay"]))
        console.print(f"Texts of {TOKENS} tokens, {INFLIGHT} at a time")
        console.print(_texts(result["texts"]))
        console.print(verdicts(targets(result)))
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def targets(result: dict[str, Any]) -> list[Target]:
    passed = result["relay"]

    def ratio(load: str, figure: str, peer: str = RELAY) -> float:
        return float(passed[load][GATEWAY][figure] / passed[load][peer][figure])

    more = passed[ALONE][GATEWAY]["p50_ms"] - passed[ALONE][RELAY]["p50_ms"]
    return [
        Target(f"CPU, {MANY} / {RELAY}", ratio(MANY, "cpu_us"), "<=", 1.5, 1.2),
        Target(f"CPU, {TENSORS} / {RELAY}", ratio(TENSORS, "cpu_us"), "<=", 1.3),
        Target(f"CPU, {TENSORS} / {RELAY_KEEPS}", ratio(TENSORS, "cpu_us", RELAY_KEEPS), "<=", 1.3),
        Target(f"p50, {ALONE}, ms over the {RELAY}", more, "<=", 0.25),
        Target(f"messages a second, {SEQUENCES} / {RELAY}", ratio(SEQUENCES, "rate"), ">=", 0.8),
        Target(f"messages a second, {ANSWERS} / {RELAY}", ratio(ANSWERS, "rate"), ">=", 0.8),
        *_of_texts(result["texts"]),
    ]


def _passed(passed: dict[str, Any]) -> Table:
    made = columns("load", "", "a second", "p50 ms", "CPU us", f"/ {RELAY}")
    for load, places in passed.items():
        for name, found in places.items():
            made.add_row(
                *(load, name, f"{found['rate']:,.0f}"),
                f"{found['p50_ms']:.2f}" if "p50_ms" in found else "",
                f"{found['cpu_us']:.0f}",
                f"{found['cpu_us'] / places[RELAY]['cpu_us']:.2f}",
            )
        made.add_section()
    return made


def _of_texts(texts: dict[str, Any]) -> Iterator[Target]:
    batched, single = texts[BATCHED], texts[UNBATCHED]
    sessions = [found for name, found in texts.items() if name.startswith(SESSION)]
    rate = max(each["rate"] for each in sessions)
    yield Target("texts a second / without batches", batched["rate"] / single["rate"], ">=", 1.4)
    yield Target(f"texts a second / {SESSION}, best batch", batched["rate"] / rate, ">=", 0.8)
    # Of CPU too, which others that want the cores disturb less.
    cpu = single["cpu_ms"] / batched["cpu_ms"]
    yield Target("texts by CPU / without batches", cpu, ">=", 1.4)


def _texts(texts: dict[str, Any]) -> Table:
    made = columns("", "texts a second", "CPU ms of each", f"CPU / {UNBATCHED}")
    for name, found in texts.items():
        ratio = found["cpu_ms"] / texts[UNBATCHED]["cpu_ms"]
        made.add_row(name, f"{found['rate']:,.0f}", f"{found['cpu_ms']:.2f}", f"{ratio:.2f}")
    return made
