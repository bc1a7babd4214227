"""Average concurrency over a sliding window."""

from __future__ import annotations

from collections import deque


class Load:
    """Keeps how many calls there were and for how long.

    Times are seconds of any clock that does not go back. The average is over
    the window, or over the time since the first sample if that is shorter.
    """

    def __init__(self, window: float) -> None:
        self._window = window
        self._samples: deque[tuple[float, int]] = deque()

    def set(self, now: float, concurrency: int) -> None:
        """From `now` on there are `concurrency` calls at work or waiting."""
        if self._samples and self._samples[-1][0] == now:
            self._samples[-1] = (now, concurrency)
        else:
            self._samples.append((now, concurrency))
        self._forget(now)

    def average(self, now: float) -> float:
        self._forget(now)
        if not self._samples:
            return 0.0
        start = max(self._samples[0][0], now - self._window)
        total, last = 0.0, now
        for since, concurrency in reversed(self._samples):
            since = max(since, start)
            total += concurrency * (last - since)
            last = since
        if now <= start:
            return float(self._samples[-1][1])
        return total / (now - start)

    def _forget(self, now: float) -> None:
        """Drops samples that ended before the window began."""
        samples = self._samples
        while len(samples) > 1 and samples[1][0] <= now - self._window:
            samples.popleft()
