"""catnap scale."""

from __future__ import annotations

import sys
from io import BufferedReader
from typing import cast

import click

from catnap.cli.options import Group
from catnap.cli.scale_decide import Decider
from catnap.cli.scale_simulate import simulate

_CHUNK = 1 << 18


@click.group(cls=Group)
def scale() -> None:
    """Asks the autoscaler what it would decide, and what that would cost."""


@scale.command()
@click.option("--why", is_flag=True, help="Say with each decision which rule made it.")
def decide(why: bool) -> None:
    """Decides for observations, a line of JSON each.

    A line {"settings": {...}} starts a trace, with a new autoscaler. Settings
    are called as Knative's annotations without their prefix, and besides them
    container-concurrency, reachable, max-scale-up-rate and max-scale-down-rate;
    what is left out is as in Knative. min-scale counts whether the revision is
    reachable or not: Knative has none for one that is not.

    A line {"t", "stable", "panic", "ready"} is an observation: the seconds of
    any clock, the averages over the stable and the panic window of all
    instances together, and how many of them are ready. It is answered by
    {"t", "want", "panicking", "excess_burst_capacity"}, at once.

    \b
    catnap scale decide <<'END'
    {"settings": {"container-concurrency": 10, "max-scale": 20, "window": "30s"}}
    {"t": 0, "stable": 3.5, "panic": 35, "ready": 1}
    {"t": 2, "stable": 9, "panic": 60, "ready": 5}
    END
    """
    decider = Decider(why)
    source = cast(BufferedReader, sys.stdin.buffer)
    pending = b""
    # What is there is answered together; who waits for an answer has it at once.
    while chunk := source.read1(_CHUNK):
        whole, newline, rest = chunk.rpartition(b"\n")
        if not newline:
            pending += chunk
            continue
        _answer(decider, (pending + whole).split(b"\n"))
        pending = rest
    if pending:
        _answer(decider, [pending])


def _answer(decider: Decider, lines: list[bytes]) -> None:
    out = sys.stdout.buffer
    try:
        decider.take(lines, out.write)
    finally:
        out.flush()


scale.add_command(simulate)
