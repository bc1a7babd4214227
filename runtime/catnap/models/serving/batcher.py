"""Which texts run together, and whose are next. Pure: lengths in, batches out.

A batch is a rectangle of rows by its longest row, and costs about its area, so
texts of one length belong together; a run also costs something by itself, so
short texts should not run alone. Both are counted in tokens (`Limits`).

Whose turn it is follows fair queueing (Demers, Keshav and Shenker, 1989): every
request owns a clock that advances by the tokens it was given, and the one that would
finish its next batch first on those clocks leads. So a single question goes
ahead at the next batch, large requests take turns, and none waits for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Limits:
    """The shape of a batch, in tokens.

    `area` bounds rows times longest row, unless one row alone is longer. `padding` is
    what may be wasted to have one run fewer: about what a run costs by itself.
    """

    area: int
    padding: int


@dataclass(frozen=True)
class Text:
    """One text of a request: `place` is its index there, `length` its tokens."""

    request: int
    place: int
    length: int


@dataclass
class _Request:
    clock: float
    waiting: list[Text]
    """Shortest first, so that the longest is popped."""
    tokens: int = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = sum(text.length for text in self.waiting)


class Batcher:
    """The texts that wait, of every request."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._requests: dict[int, _Request] = {}
        self._clock = 0.0

    def __len__(self) -> int:
        """How many texts wait."""
        return sum(len(request.waiting) for request in self._requests.values())

    def add(self, request: int, lengths: Sequence[int]) -> None:
        """Queue a request's texts by their lengths in tokens. `request` is the caller's key."""
        texts = [Text(request, place, length) for place, length in enumerate(lengths)]
        if texts:
            texts.sort(key=lambda text: text.length)
            self._requests[request] = _Request(self._clock, texts)

    def drop(self, request: int) -> None:
        """Forget what still waits of a request; a key that is not known is none."""
        self._requests.pop(request, None)

    def take(self) -> list[Text]:
        """The next batch, longest text first; empty when nothing waits."""
        if not self._requests:
            return []
        turns = sorted(self._requests.values(), key=self._finish)
        batch = self._around(turns[0].waiting[-1], self._candidates(turns))
        self._charge(batch)
        return batch

    def _finish(self, request: _Request) -> float:
        return request.clock + min(request.tokens, self._limits.area)

    def _candidates(self, turns: list[_Request]) -> list[Text]:
        """The longest texts of each request in turn, enough of them to fill two batches."""
        found: list[Text] = []
        room = 2 * self._limits.area
        for request in turns:
            share = self._limits.area
            for text in reversed(request.waiting):
                found.append(text)
                share -= text.length
                if share <= 0:
                    break
            room -= self._limits.area - share
            if room <= 0:
                break
        return found

    def _around(self, leader: Text, candidates: list[Text]) -> list[Text]:
        """The leader and its neighbours in length, nearest first, while they pay."""
        candidates.sort(key=lambda text: -text.length)
        first = last = candidates.index(leader)
        wasted = 0
        while True:
            rows, longest = last - first + 1, candidates[first].length
            above = below = None
            if first > 0 and (rows + 1) * candidates[first - 1].length <= self._limits.area:
                above = rows * (candidates[first - 1].length - longest)
            if last + 1 < len(candidates) and (rows + 1) * longest <= self._limits.area:
                below = longest - candidates[last + 1].length
            costs = [cost for cost in (above, below) if cost is not None]
            if not costs or wasted + min(costs) > self._limits.padding:
                return candidates[first : last + 1]
            wasted += min(costs)
            if below == min(costs):
                last += 1
            else:
                first -= 1

    def _charge(self, batch: list[Text]) -> None:
        """Take the batch's texts from their requests and advance the clocks."""
        longest = batch[0].length
        self._clock += len(batch) * longest / len(self._requests)
        for key in {text.request for text in batch}:
            request = self._requests[key]
            taken = {text.place: text.length for text in batch if text.request == key}
            request.clock += len(taken) * longest
            request.tokens -= sum(taken.values())
            request.waiting = [text for text in request.waiting if text.place not in taken]
            if not request.waiting:
                del self._requests[key]
