"""Which requests run together that are rows of tensors, and whose are next. Pure.

Requests of one bucket can stand below each other in one run. Those with more
rows than a run takes are run in parts. Whose turn it is follows fair queueing, as
in `batcher`: each request has a clock that advances by the rows it was given, and
the one that would finish its next part first on those clocks leads. So a small
one goes ahead at the next run, large ones take turns, and none waits for ever.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from dataclasses import dataclass, field
from itertools import count


@dataclass(frozen=True, slots=True)
class Part:
    """So many rows of a request, from its `first`."""

    request: int
    first: int
    rows: int


@dataclass(eq=False, slots=True)
class _Request:
    bucket: Hashable
    clock: float
    rows: int
    """That wait."""
    first: int = 0


@dataclass(slots=True)
class _Bucket:
    since: float
    """When the first of those came that wait for others."""
    rows: int = 0
    turns: list[tuple[float, int, int]] = field(default_factory=list)
    """When each would finish, the order of arrival, and the request: a heap."""


class Rows:
    """The requests that wait. size: rows of a run at most. delay: seconds that the
    first of a run waits for others, while the run is not full."""

    def __init__(self, size: int, delay: float = 0.0) -> None:
        self._size = size
        self._delay = delay
        self._requests: dict[int, _Request] = {}
        self._buckets: dict[Hashable, _Bucket] = {}
        self._order = count()
        self._clock = 0.0

    def __len__(self) -> int:
        return len(self._requests)

    def add(self, request: int, bucket: Hashable, rows: int, now: float) -> None:
        """request: the caller's key. now: in seconds, of any clock."""
        self._requests[request] = waiting = _Request(bucket, self._clock, rows)
        found = self._buckets.setdefault(bucket, _Bucket(now))
        found.rows += rows
        self._queue(found, request, waiting)

    def drop(self, request: int) -> None:
        """Forget what still waits of a request; a key that is not known is none."""
        if waiting := self._requests.pop(request, None):
            bucket = self._buckets[waiting.bucket]
            bucket.rows -= waiting.rows
            self._tidy(waiting.bucket, bucket)

    def due(self) -> float | None:
        """When a run is due that is not full; None where nothing waits."""
        return min((each.since + self._delay for each in self._buckets.values()), default=None)

    def take(self, now: float) -> list[Part]:
        """The next run; empty while what waits may wait for more."""
        ready = [
            (bucket.turns[0], name)
            for name, bucket in self._buckets.items()
            if bucket.rows >= self._size or now >= bucket.since + self._delay
        ]
        return self._run(min(ready, key=lambda each: each[0])[1]) if ready else []

    def _run(self, name: Hashable) -> list[Part]:
        bucket = self._buckets[name]
        waiting, room = len(self._requests), self._size
        parts: list[Part] = []
        while bucket.turns and (room > 0 or not parts):
            key = bucket.turns[0][2]
            request = self._requests[key]
            # What fits into a run at all is not torn apart to fill up another.
            if parts and room < request.rows <= self._size:
                break
            heapq.heappop(bucket.turns)
            part = Part(key, request.first, min(request.rows, max(room, 0)))
            parts.append(part)
            room -= part.rows
            bucket.rows -= part.rows
            self._given(bucket, key, request, part.rows)
            self._skip(bucket)
        self._clock += (self._size - room) / waiting
        self._tidy(name, bucket)
        return parts

    def _given(self, bucket: _Bucket, key: int, request: _Request, rows: int) -> None:
        request.first += rows
        request.rows -= rows
        request.clock += rows
        if request.rows:
            self._queue(bucket, key, request)
        else:
            del self._requests[key]

    def _queue(self, bucket: _Bucket, key: int, request: _Request) -> None:
        finish = request.clock + min(request.rows, self._size)
        heapq.heappush(bucket.turns, (finish, next(self._order), key))

    def _tidy(self, name: Hashable, bucket: _Bucket) -> None:
        self._skip(bucket)
        if not bucket.turns:
            del self._buckets[name]

    def _skip(self, bucket: _Bucket) -> None:
        """Those that were dropped are not first."""
        while bucket.turns and bucket.turns[0][2] not in self._requests:
            heapq.heappop(bucket.turns)
