"""How often a model ran, and how long that took."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from catnap.errors import CatnapError


@dataclass(slots=True)
class Took:
    """So many, and their seconds together."""

    count: int = 0
    seconds: float = 0.0

    def add(self, seconds: float, count: int = 1) -> None:
        self.count += count
        self.seconds += seconds


@dataclass(slots=True)
class Statistics:
    """Since the model was loaded."""

    success: Took = field(default_factory=Took)
    fail: Took = field(default_factory=Took)
    queue: Took = field(default_factory=Took)
    compute: Took = field(default_factory=Took)
    """Of requests: each has the whole of the runs that it had a part in."""
    runs: dict[int, Took] = field(default_factory=dict)
    """By how many rows a run had."""
    last: float = 0.0
    """When it last ran, in seconds since 1970."""

    @property
    def rows(self) -> int:
        return sum(size * took.count for size, took in self.runs.items())

    def ran(self, rows: int, seconds: float) -> None:
        self.runs.setdefault(rows, Took()).add(seconds)
        self.last = time.time()

    def answered(
        self, whole: float, queued: float, computed: float, error: CatnapError | None
    ) -> None:
        """whole, queued, computed: seconds of the request."""
        if error:
            self.fail.add(whole)
        else:
            self.success.add(whole)
            self.queue.add(queued)
            self.compute.add(computed)
