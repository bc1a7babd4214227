"""What models were asked for on one day, by whom, and how it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from catnap.access.limits import Who
from catnap.access.today import MOST
from catnap.access.usage import day_of
from catnap.events.ids import EACH

OK = "ok"
"""The outcome of what was answered whole."""


class Asked(msgspec.Struct, frozen=True):
    """Requests that are added up. who: with the skill that asked, if one did.
    version: of the model, empty where it has one only. outcome: OK or the
    error's name."""

    who: Who
    model: str
    version: str
    outcome: str


class ModelUsed(msgspec.Struct, eq=False):
    """milliseconds: at servers. waited: milliseconds at none. bytes_in, bytes_out:
    of requests and answers. cost: by the prices of each request's time."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    milliseconds: float = 0.0
    waited: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0
    cost: float = 0.0

    def add(self, more: ModelUsed) -> None:
        self.requests += more.requests
        self.prompt_tokens += more.prompt_tokens
        self.completion_tokens += more.completion_tokens
        self.milliseconds += more.milliseconds
        self.waited += more.waited
        self.bytes_in += more.bytes_in
        self.bytes_out += more.bytes_out
        self.cost += more.cost


class ModelTally(msgspec.Struct, eq=False):
    """Of one day, through this process. noted: it is among those to be written."""

    day: int
    asked: Asked
    used: ModelUsed
    noted: bool = False


class ModelTallies:
    """All of it is in memory and nothing waits; whoever owns it writes down what
    is `noted`."""

    def __init__(self) -> None:
        self._day = 0
        self._tallies: dict[Asked, ModelTally] = {}
        self._known: Counter[str] = Counter()
        """Tallies of each tenant."""
        self._noted: list[ModelTally] = []

    def add(self, asked: Asked, used: ModelUsed, now: float) -> None:
        """A request has ended, at `now` in seconds since the epoch."""
        day = day_of(now)
        if day > self._day:
            self._day, self._tallies, self._known = day, {}, Counter()
        tally = self._tallies.get(asked) or self._open(asked)
        tally.used.add(used)
        self._note(tally)

    def noted(self) -> list[ModelTally]:
        """What has changed since this was asked before."""
        noted, self._noted = self._noted, []
        for tally in noted:
            tally.noted = False
        return noted

    def note_again(self, tallies: Iterable[ModelTally]) -> None:
        """They could not be written."""
        for tally in tallies:
            self._note(tally)

    def _note(self, tally: ModelTally) -> None:
        if not tally.noted:
            tally.noted = True
            self._noted.append(tally)

    def _open(self, asked: Asked) -> ModelTally:
        """Of a tenant that has too many already, for all other users together."""
        tenant, user, skill = asked.who
        if self._known[tenant] >= MOST and user != EACH:
            together = msgspec.structs.replace(asked, who=(tenant, EACH, skill))
            return self._tallies.get(together) or self._open(together)
        self._known[tenant] += 1
        tally = self._tallies[asked] = ModelTally(self._day, asked, ModelUsed())
        return tally
