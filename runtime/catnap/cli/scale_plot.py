"""The picture of `catnap scale simulate`."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from catnap.scaling.plan import Moment, Plan

_DEMAND, _WANTED, _READY, _COLD = "#8a94a6", "#f0a020", "#1f6feb", "#c93c37"
_POINTS = 2000
"""More steps than this a picture does not show; highs are kept."""


def draw(path: Path, plans: Mapping[str, Plan]) -> None:
    """The demand, and a panel for each plan: instances wanted and ready, and
    where some were started."""
    rows = 1 + len(plans)
    figure = Figure(figsize=(11, 1.0 + 2.4 * rows), layout="constrained")
    heights = [0.6] + [1.0] * len(plans)
    top, *panels = figure.subplots(rows, 1, sharex=True, height_ratios=heights)
    begin = min(each.begin for each in plans.values())
    end = max(each.end for each in plans.values())
    unit, divisor = _unit(end - begin)
    first = next(iter(plans.values()))
    course = _thinned(first.course)
    demand = [moment.demand for moment in course]
    times = [(moment.time - begin) / divisor for moment in course]
    top.fill_between(times, demand, step="post", color=_DEMAND, lw=0)
    _dress(top, "calls at once", max(1.0, *demand), f"{first.total.calls:,} calls")
    for panel, (name, found) in zip(panels, plans.items(), strict=True):
        _panel(panel, name, found, begin, divisor)
    panels[-1].set_xlabel(f"time ({unit})")
    panels[-1].set_xlim(0, (end - begin) / divisor)
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside upper right", ncols=3, frameon=False
    )
    figure.savefig(path, dpi=144)


def _panel(panel: Axes, name: str, found: Plan, begin: float, divisor: float) -> None:
    course = _thinned([*found.course, found.course[-1]._replace(time=found.end)])
    times = [(moment.time - begin) / divisor for moment in course]
    wanted = [moment.wanted for moment in course]
    ready = [moment.ready for moment in course]
    panel.step(times, wanted, where="post", color=_WANTED, lw=4, alpha=0.45, label="wanted")
    panel.step(times, ready, where="post", color=_READY, lw=1.4, label="ready")
    starts = [(start - begin) / divisor for start in found.starts]
    ground = panel.get_xaxis_transform()  # across, the trace's time; up, the panel's height
    panel.plot(
        starts, [-0.035] * len(starts), "|", color=_COLD, ms=9, mew=1.2, transform=ground,
        clip_on=False, label="started cold",
    )  # fmt: skip
    total = found.total
    told = (
        f"{total.cold_share:.2%} of calls cold, wait p99 {total.wait_p99:.2g} s, "
        f"{total.starts:,} starts, {total.instance_seconds:,.0f} instance-seconds"
    )
    _dress(panel, "instances", max(1, *wanted), f"{name}: {told}" if name else told)
    panel.tick_params(axis="x", pad=8)


def _dress(panel: Axes, unit: str, top: float, title: str) -> None:
    panel.set_title(title, loc="left", fontsize=10)
    panel.set_ylabel(unit)
    panel.set_ylim(0, top * 1.1)
    panel.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    panel.spines[["top", "right"]].set_visible(False)
    panel.grid(axis="y", alpha=0.25)


def _unit(seconds: float) -> tuple[str, float]:
    for unit, length in (("days", 86_400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 3 * length:
            return unit, length
    return "seconds", 1.0


def _thinned(course: list[Moment]) -> list[Moment]:
    """At most as many moments as can be seen, each the highest of its time."""
    if len(course) <= _POINTS:
        return course
    width = (course[-1].time - course[0].time) / _POINTS
    times = [moment.time for moment in course]
    shown: list[Moment] = []
    at = 0
    while at < len(course):
        after = max(at + 1, bisect_right(times, course[at].time + width))
        some = course[at:after]
        shown.append(
            Moment(
                some[0].time,
                max(moment.demand for moment in some),
                max(moment.wanted for moment in some),
                max(moment.ready for moment in some),
            )
        )
        at = after
    return shown if shown[-1] == course[-1] else [*shown, course[-1]]
