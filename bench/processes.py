"""What a tree of processes has taken, as the kernel counts it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> Iterator[int]:
    """A process and all that it started."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from tree(int(child))


def cpu(pid: int, *, alone: bool = False) -> float:
    """Seconds of user and system time of a tree, or of one process with its threads."""
    ticks = 0
    for one in (pid,) if alone else tree(pid):
        # The name in the second field may hold anything, its end is the last bracket.
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICK


def pin(pids: Iterable[int], core: int) -> None:
    """Moves processes with all their threads; what they start later follows."""
    for one in pids:
        for task in Path(f"/proc/{one}/task").iterdir():
            os.sched_setaffinity(int(task.name), {core})


def memory(pids: Iterable[int], kind: str) -> float:
    """MiB of processes together: `Rss` is what they can touch, in `Pss` a page that n
    processes share counts 1/n; `Private_Dirty` would be free again without them."""
    kib = 0
    for one in pids:
        for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == kind:
                kib += int(value.split()[0])
    return kib / 1024


def maps(pid: int, part: str) -> bool:
    """Whether any process of a tree has loaded a library with this in its path."""
    return any(part in Path(f"/proc/{one}/maps").read_text() for one in tree(pid))
