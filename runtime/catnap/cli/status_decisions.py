"""What the autoscaler decided, as `catnap status` tells it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import click

from catnap.cli import output
from catnap.services.snapshot import Decision, Revision

SHOWN = 10
"""The last decisions that are shown of a skill."""


def newest(revision: Revision) -> str:
    """The last decision of each group of callers, the most frequent first."""
    last: dict[int, str] = {}
    for each in revision.decisions:
        last.setdefault(each.group, _said(each))
    counted = Counter(last.values()).most_common()
    return "; ".join(f"{times} x {said}" if times > 1 else said for said, times in counted)


def table(revisions: Sequence[Revision]) -> None:
    """The last decisions of all of them together."""
    found = sorted(
        ((each, revision.name) for revision in revisions for each in revision.decisions),
        key=lambda made: made[0].ago,
    )[:SHOWN]
    if not found:
        return
    click.echo()
    output.table(
        ("revision", "decided", "times", "ready", "stable", "panic", "decision"),
        [
            (
                revision,
                f"{_length(each.since)} ago",
                each.times,
                each.ready,
                f"{each.stable:.1f}",
                f"{each.panic:.1f}",
                _said(each),
            )
            for each, revision in found
        ],
        empty="",
        numbers=("decided", "times", "ready", "stable", "panic"),
    )


def _said(decision: Decision) -> str:
    return f"{decision.want}{' (panic)' if decision.panicking else ''}: {decision.why}"


def _length(seconds: float) -> str:
    for unit, length in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
