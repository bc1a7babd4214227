"""Durations by bucket, for Prometheus to read."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate
from operator import add

from prometheus_client.utils import floatToGoString

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_UPTO = [*map(floatToGoString, SECONDS), "+Inf"]


class Histogram:
    """The library's own takes a lock and a look at the process for each value:
    this one is read when it asks."""

    __slots__ = ("buckets", "seconds")

    def __init__(self) -> None:
        self.buckets = [0] * (len(SECONDS) + 1)
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        self.buckets[bisect_left(SECONDS, seconds)] += 1
        self.seconds += seconds

    @property
    def count(self) -> int:
        return sum(self.buckets)

    def quantile(self, share: float) -> float | None:
        """Seconds that this share of them (0 to 1) lasted at most, as near as the
        buckets tell; None where there is none."""
        left = share * self.count
        if not self.count:
            return None
        lower = 0.0
        for upper, some in zip(SECONDS, self.buckets, strict=False):
            if some and left <= some:
                return lower + (upper - lower) * left / some
            left -= some
            lower = upper
        return lower

    def upto(self) -> list[tuple[str, float]]:
        """How many lasted so long or less, as the library wants it told."""
        return list(zip(_UPTO, accumulate(self.buckets), strict=True))


def together(some: Iterable[Histogram]) -> Histogram:
    whole = Histogram()
    for each in some:
        whole.buckets = list(map(add, whole.buckets, each.buckets))
        whole.seconds += each.seconds
    return whole
