"""The figures of `bench/host.py` as tables, and beside what is promised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from bench import forks, servers

CONNECTIONS = (1, 64)


@dataclass(frozen=True)
class Target:
    """A promise: the figure is at least, or at most, `bound`; `stretch` is what we hope for."""

    name: str
    found: float
    relation: str
    bound: float
    stretch: float | None = None

    def verdict(self) -> str:
        if not self._reaches(self.bound):
            return "MISSED"
        return "met, stretch too" if self.stretch and self._reaches(self.stretch) else "met"

    def _reaches(self, bound: float) -> bool:
        return self.found >= bound if self.relation == ">=" else self.found <= bound


def table(result: dict[str, Any]) -> str:
    console = Console(width=124, highlight=False)
    with console.capture() as capture:
        if "load" in result:
            console.print(f"An event of {result['request_bytes']} bytes in, an event out")
            console.print(_load(result["load"]))
        if "start" in result:
            console.print("Start: from exec to the first answer")
            console.print(_start(result["start"]))
        if "fork" in result:
            loaded = ", ".join(forks.PRELOAD)
            console.print(f"Fork: from the order to the first answer, with {loaded} loaded")
            console.print(_fork(result["fork"]["ms"]))
            console.print("Memory of a zygote and its instances, MiB")
            console.print(_memory(result["fork"]["mib"]))
        console.print(verdicts(targets(result)))
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def targets(result: dict[str, Any]) -> list[Target]:
    """The promises about what was measured. Ours under load is
    with uvloop, as the yardstick is."""
    found: list[Target] = []
    load = {name: facts["c64"]["rps"] for name, facts in result.get("load", {}).items()}
    ours = load.get(servers.CATNAP_UVLOOP.name, 0.0)
    for peer, bound, stretch in (
        (servers.FRAMEWORK_ASGI, 6.0, None),
        (servers.UVICORN, 1.2, 1.6),
    ):
        if ours and peer.name in load:
            name = f"requests per second at c64 / {peer.name}"
            found.append(Target(name, ours / load[peer.name], ">=", bound, stretch))
    if "start" in result:
        peer_begun = result["start"][servers.FRAMEWORK.name]
        for server in (servers.ECHO, servers.ECHO_UVLOOP):
            begun = result["start"][server.name]
            ratio = begun["p50"] / peer_begun["p50"]
            found.append(Target(f"start, {server.name} / functions-framework", ratio, "<=", 0.45))
            found.append(Target(f"RSS of a started {server.name}, MiB", begun["rss_mib"], "<=", 30))
    if "fork" in result:
        mib = result["fork"]["mib"]
        for name, spread in result["fork"]["ms"].items():
            label = f"fork to first answer, {name} zygote, ms"
            found.append(Target(label, spread["p50"], "<=", 10, 6))
        for name, figure in (("first_pss", "the first"), ("pss_of_many", f"one of {forks.LIVE}")):
            label = f"PSS of a forked echo, {figure} of a plain zygote, MiB"
            found.append(Target(label, mib["plain"][name], "<=", 12))
    return found


def columns(*columns: str) -> Table:
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        made.add_column(column, justify="right" if number else "left", no_wrap=True)
    return made


def _load(load: dict[str, Any]) -> Table:
    made = columns(
        *("server", "loop", "RSS MiB", "", "rps", "p50 ms", "p99 ms", "CPU us"),
        *("/ uvicorn", "/ ff --asgi"),
    )
    for key in (f"c{number}" for number in CONNECTIONS):
        for name, facts in load.items():
            one = facts[key]
            made.add_row(
                *(name, facts["loop"], f"{facts['rss_mib']}", key, f"{one['rps']:,.0f}"),
                *(f"{one['p50_ms']:.2f}", f"{one['p99_ms']:.2f}", f"{one['cpu_us']:.0f}"),
                *(
                    f"{one['rps'] / load[peer.name][key]['rps']:.2f}" if peer.name in load else ""
                    for peer in (servers.UVICORN, servers.FRAMEWORK_ASGI)
                ),
            )
        made.add_section()
    return made


def _start(start: dict[str, Any]) -> Table:
    made = columns("server", "p50 ms", "p95 ms", "/ functions-framework", "RSS MiB")
    peer = start[servers.FRAMEWORK.name]["p50"]
    for name, one in start.items():
        ratio = f"{one['p50'] / peer:.2f}"
        made.add_row(name, f"{one['p50']}", f"{one['p95']}", ratio, f"{one['rss_mib']}")
    return made


def _fork(ms: dict[str, dict[str, float]]) -> Table:
    made = columns("zygote", "p50 ms", "p95 ms")
    for name, spread in ms.items():
        made.add_row(name, f"{spread['p50']}", f"{spread['p95']}")
    return made


def _memory(mib: dict[str, dict[str, float]]) -> Table:
    made = columns("zygote", "its RSS", "first's PSS", "private", f"PSS, one of {forks.LIVE}")
    for name, found in mib.items():
        figures = ("zygote_rss", "first_pss", "first_private", "pss_of_many")
        made.add_row(name, *(f"{found[figure]}" for figure in figures))
    return made


def verdicts(found: list[Target]) -> Table:
    made = columns("target", "found", "promised", "stretch", "")
    for one in found:
        stretch = "" if one.stretch is None else f"{one.stretch}"
        bound = f"{one.relation} {one.bound}"
        made.add_row(one.name, f"{one.found:.2f}", bound, stretch, one.verdict())
    return made
