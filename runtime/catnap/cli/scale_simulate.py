"""catnap scale simulate."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

from catnap.cli import output
from catnap.cli.options import DURATION, Command, Setting, with_json
from catnap.errors import InvalidRequest
from catnap.scaling import Settings, from_values
from catnap.scaling.plan import Costs, Plan, plan
from catnap.scaling.run import World
from catnap.scaling.trace import read_trace
from catnap.scaling.values import number

if TYPE_CHECKING:
    from rich.progress import Progress

F = TypeVar("F", bound=Callable[..., Any])

_HELP = {
    "metric": "concurrency or rps. Default: concurrency.",
    "target": "What an instance can take. Default: container-concurrency or 100; 200 rps.",
    "target-utilization-percentage": "Share of it to aim at. Default: 70.",
    "window": "Stable window, 6s to 1h. Default: 60s.",
    "panic-window-percentage": "Panic window's share of it. Default: 10.",
    "panic-threshold-percentage": "Needed instances of those there, for panic. Default: 200.",
    "min-scale": "Instances there always are. Default: 0.",
    "max-scale": "Instances there are at most; 0: no bound. Default: 0.",
    "activation-scale": "Instances there are at least, if any, from 2.",
    "scale-down-delay": "How long fewer must be enough. Default: 0s.",
    "target-burst-capacity": "Calls to have room for, -1 for any number. Default: 211.",
    "scale-to-zero-pod-retention-period": "How long the last instance stays. Default: 0s.",
    "scale-to-zero-grace-period": "An activator's in the path before. Default: 0s; a cluster: 30s.",
    "max-scale-up-rate": "Times the instances there are, in 2 seconds. Default: 1000.",
    "max-scale-down-rate": "Divisor of the instances there are. Default: 2.",
    "container-concurrency": "Calls an instance has at once; 0: any number. Default: 0.",
    "reachable": "Whether a route leads there; else it may end at once. Default: true.",
}


def _with_scaling(function: F) -> F:
    for key in reversed(_HELP):
        option = click.option(f"--{key}", key.replace("-", "_"), cls=Setting, help=_HELP[key])
        function = option(function)
    return function


def _memory(context: click.Context, option: click.Parameter, text: str) -> float:
    try:
        return number(0, 1e12, above=True)(text)
    except ValueError as error:
        raise click.BadParameter(f"{error}.", context, option) from None


@click.command(cls=Command)
@click.argument("trace", type=click.File(encoding="utf-8-sig"))
@click.option(
    "--compare", multiple=True, metavar="KEY=VALUE[,...]", help="Also with these settings changed."
)
@click.option(
    "--cold-start",
    type=DURATION,
    default="1.2s",
    show_default=True,
    help="Time until an instance is ready: a bare Python function's on a cluster; here about 25ms.",
)
@click.option(
    "--memory",
    callback=_memory,
    default="128",
    show_default=True,
    metavar="MIB",
    help="Of an instance, in MiB.",
)
@click.option(
    "--queue",
    type=click.IntRange(0),
    default=10_000,
    show_default=True,
    help="Calls of a skill that may wait; more are refused.",
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Draw demand and instances over time: .png or .svg.",
)
@with_json
@_with_scaling
def simulate(
    trace: TextIO,
    compare: tuple[str, ...],
    cold_start: float,
    memory: float,
    queue: int,
    plot: Path | None,
    as_json: bool,
    **scaling: str | None,
) -> None:
    """Replays a trace of calls and tells what it costs and who waits.

    TRACE is CSV: time (seconds, or a date with its time), skill, duration
    (seconds, or with a unit); `-` is stdin. Each skill is scaled for itself, in
    virtual time, by the autoscaler that runs here: Knative's, which a call that
    has to wait may ask ahead of its two seconds. The trace begins with min-scale
    instances and ends when all has come to rest.

    A call is cold if it waited for an instance to start. Idle is an instance
    that is ready and has no call.

    \b
    catnap scale simulate calls.csv
    catnap scale simulate calls.csv --container-concurrency 10 --plot calls.svg
    catnap scale simulate calls.csv --compare min-scale=1 --compare window=5m
    """
    values = {key.replace("_", "-"): value for key, value in scaling.items() if value is not None}
    variants = _variants(values, compare)
    draw = _drawing(plot, variants)
    arrivals = read_trace(trace, trace.name)
    world = World(cold_start, queue)
    calls = sum(len(each.times) for each in arrivals.values())
    with _progress(calls * len(variants)) as progress:
        task = progress.add_task("replaying", total=calls * len(variants))

        def advance(done: int) -> None:
            progress.advance(task, done)

        plans = {
            name: plan(arrivals, settings, world, memory, advance)
            for name, settings in variants.items()
        }
    if as_json:
        found = [_document(name, each) for name, each in plans.items()]
        output.as_json(found if compare else found[0])
    else:
        _show(plans)
    if draw and plot:
        draw(plot, plans)
        output.note(f"drawn: {plot}")


def _variants(values: Mapping[str, str], compare: tuple[str, ...]) -> dict[str, Settings]:
    """The settings by name: those given, and each that they are compared with."""
    try:
        variants = {"as given" if compare else "": from_values(values)}
        for text in compare:
            pairs = [pair.partition("=") for pair in text.split(",")]
            for key, equals, _ in pairs:
                if not equals:
                    raise InvalidRequest(f"{key}: needs a value, {key}=VALUE")
                if key == "initial-scale":
                    raise InvalidRequest(f"{key}: a trace begins when that is over")
            changed = {key.strip(): value.strip() for key, _, value in pairs}
            variants[text] = from_values({**values, **changed})
    except InvalidRequest as error:
        raise click.UsageError(f"{error.message}.") from None
    return variants


def _drawing(
    plot: Path | None, variants: Mapping[str, Settings]
) -> Callable[[Path, Mapping[str, Plan]], None] | None:
    """What draws; before all the work it is known whether it can."""
    if plot is None:
        return None
    if plot.suffix not in (".png", ".svg"):
        raise click.UsageError(f"--plot {plot}: the name must end in .png or .svg.")
    try:
        from catnap.cli.scale_plot import draw
    except ImportError:
        raise click.UsageError(
            "--plot needs matplotlib: pip install 'catnap-functions[plot]'."
        ) from None
    return draw


def _progress(calls: int) -> AbstractContextManager[Progress]:
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    return Progress(
        console=console, transient=True, disable=calls < 50_000 or not sys.stderr.isatty()
    )


def _document(name: str, found: Plan) -> dict[str, Any]:
    document = {
        "settings": name,
        "begin": found.begin,
        "end": found.end,
        "total": found.total,
        "skills": found.skills,
    }
    return {key: value for key, value in document.items() if key != "settings" or value}


_MEASURES: dict[str, Callable[[Costs], str]] = {
    "calls": lambda costs: f"{costs.calls:,}",
    "refused": lambda costs: f"{costs.refused:,}",
    "cold": lambda costs: f"{costs.cold_share:.2%}",
    "wait p50": lambda costs: _wait(costs.wait_p50),
    "p95": lambda costs: _wait(costs.wait_p95),
    "p99": lambda costs: _wait(costs.wait_p99),
    "most": lambda costs: f"{costs.instances_most:,}",
    "instance-s": lambda costs: f"{costs.instance_seconds:,.0f}",
    "idle": lambda costs: f"{costs.idle_seconds / (costs.instance_seconds or 1.0):.0%}",
    "idle MiB-s": lambda costs: f"{costs.idle_memory_seconds:,.0f}",
}


def _show(plans: Mapping[str, Plan]) -> None:
    measures = dict(_MEASURES)
    if not any(found.total.refused for found in plans.values()):
        del measures["refused"]
    rows: list[tuple[str, ...]] = []
    for name, found in plans.items():
        costs = dict(found.skills)
        if len(costs) > 1:
            costs["all"] = found.total
        for skill, each in costs.items():
            rows.append((name, skill, *(show(each) for show in measures.values())))
    columns = ("settings", "skill", *measures)
    if len(plans) == 1:
        columns, rows = columns[1:], [row[1:] for row in rows]
    output.table(columns, rows, empty="", numbers=tuple(measures))


def _wait(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
