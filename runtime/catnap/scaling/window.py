"""Averages over the stable and the panic window, in buckets of a second.

Source: Knative Serving, autoscaler/aggregation/bucketing.go; its queue-proxy
and activator report once a second what the second was like.
"""

from __future__ import annotations

import math
from collections import deque

from catnap.scaling.settings import Settings

_BILLION = 1_000_000_000


class Window:
    """A sliding average of what was recorded in each second."""

    def __init__(self, seconds: float) -> None:
        self._length = math.ceil(seconds)
        self._first = self._last = -1
        """The seconds of the first and the last record of an unbroken history."""
        self._buckets: deque[tuple[int, int]] = deque()
        self._total = 0
        """Whole billionths, as in the buckets: a sum that does not drift."""

    def record(self, second: int, value: float) -> None:
        """Adds to one second, which may not lie before the last recorded one."""
        if self._last < 0 or second - self._last >= self._length:
            self._first = second
        self._last = second
        self._forget(second)
        amount = round(value * _BILLION)
        self._buckets.append((second, amount))
        self._total += amount

    def average(self, second: int) -> float:
        """Over the window, or over as much of it as there are records for:
        neither the time before the first counts nor that after the last. Cut to
        six digits, as Serving does."""
        if self._last < 0 or second - self._last >= self._length:
            return 0.0
        self._forget(second)
        valid = min(self._last - self._first + 1, self._length - max(0, second - self._last))
        return self._total // (valid * 1000) / 1_000_000

    def _forget(self, second: int) -> None:
        while self._buckets and self._buckets[0][0] <= second - self._length:
            self._total -= self._buckets.popleft()[1]


class Meter:
    """Watches calls and tells the averages that a decision is made by.

    Times are seconds of a clock that does not go back. Of a second that is not
    over nothing is known yet; a decision that cannot wait for its end takes
    what there is now into account itself. While there is neither an instance
    nor a call nobody reports: after a window of that, history begins anew.
    """

    def __init__(self, settings: Settings, now: float) -> None:
        self._stable = Window(settings.window)
        self._panic = Window(settings.panic_window)
        self._keeps = math.ceil(settings.window)
        self._by_rate = settings.metric == "rps"
        self._second = math.floor(now)
        self._since = now
        self._calls = 0
        self._instances = 0
        self._busy = 0.0
        """Call-seconds of the current second, up to `_since`."""
        self._arrived = 0

    def set(self, now: float, calls: int, instances: int) -> None:
        """From `now` on there are so many calls, at work or waiting, and so many
        instances."""
        self._advance(now)
        self._calls, self._instances = calls, instances

    def arrived(self, now: float) -> None:
        """One call more came."""
        self._advance(now)
        self._arrived += 1

    def averages(self, now: float) -> tuple[float, float]:
        """Over the stable and over the panic window: calls at once, or calls per
        second where that is the metric."""
        self._advance(now)
        return self._stable.average(self._second), self._panic.average(self._second)

    def _advance(self, now: float) -> None:
        if now >= self._second + 1:
            second = math.floor(now)
            self._busy += self._calls * (self._second + 1 - self._since)
            self._report(self._second + 1)
            # Of a long time without a change the windows hold only the end.
            for end in range(max(self._second + 2, second - self._keeps), second + 1):
                self._busy = float(self._calls)
                self._report(end)
            self._second, self._since = second, float(second)
        self._busy += self._calls * (now - self._since)
        self._since = now

    def _report(self, second: int) -> None:
        if self._busy or self._arrived or self._instances:
            value = float(self._arrived) if self._by_rate else self._busy
            self._stable.record(second, value)
            self._panic.record(second, value)
        self._busy, self._arrived = 0.0, 0
