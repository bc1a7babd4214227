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
            console.print(_load(result["load"], result["request_bytes"]))
        if "start" in result:
            console.print(_start(result["start"]))
        if "fork" in result:
            console.print(_fork(result["fork"]))
        console.print(_targets(targets(result)))
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def targets(result: dict[str, Any]) -> list[Target]:
    """The promises about what was measured. Ours is with uvloop under load,
    where the yardstick has it too, and without at a start, as it comes."""
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
        begun, peer_begun = (result["start"][one.name] for one in (servers.ECHO, servers.FRAMEWORK))
        ratio = begun["p50"] / peer_begun["p50"]
        found.append(Target("start to first answer / functions-framework", ratio, "<=", 0.45))
        found.append(Target("RSS of a started echo, MiB", begun["rss_mib"], "<=", 30))
    if "fork" in result:
        mib = result["fork"]["mib"]
        ms = result["fork"]["ms"]["p50"]
        found.append(Target("fork to first answer, ms", ms, "<=", 10, 6))
        for name, figure in (("first_pss", "the first"), ("pss_of_many", f"one of {forks.LIVE}")):
            label = f"PSS of a forked echo, {figure} of a plain zygote, MiB"
            found.append(Target(label, mib["plain"][name], "<=", 12))
    return found


def _table(title: str, *columns: str) -> Table:
    made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        made.add_column(column, justify="right" if number else "left", no_wrap=True)
    return made


def _load(load: dict[str, Any], size: int) -> Table:
    made = _table(
        f"Load: an event of {size} bytes in, an event out",
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
    made = _table(
        "Start: from exec to the first answer",
        *("server", "p50 ms", "p95 ms", "/ functions-framework", "RSS MiB"),
    )
    peer = start[servers.FRAMEWORK.name]["p50"]
    for name, one in start.items():
        ratio = f"{one['p50'] / peer:.2f}"
        made.add_row(name, f"{one['p50']}", f"{one['p95']}", ratio, f"{one['rss_mib']}")
    return made


def _fork(fork: dict[str, Any]) -> Table:
    made = _table(
        f"Fork: from the order to the first answer, p50 {fork['ms']['p50']} ms, "
        f"p95 {fork['ms']['p95']} ms with {', '.join(forks.PRELOAD)} loaded",
        *("MiB", "zygote RSS", "first's PSS", "private", f"PSS, one of {forks.LIVE}"),
    )
    for name, mib in fork["mib"].items():
        figures = ("zygote_rss", "first_pss", "first_private", "pss_of_many")
        made.add_row(name, *(f"{mib[figure]}" for figure in figures))
    return made


def _targets(found: list[Target]) -> Table:
    made = _table("Targets", "what", "found", "target", "stretch", "")
    for one in found:
        stretch = "" if one.stretch is None else f"{one.stretch}"
        bound = f"{one.relation} {one.bound}"
        made.add_row(one.name, f"{one.found:.2f}", bound, stretch, one.verdict())
    return made
