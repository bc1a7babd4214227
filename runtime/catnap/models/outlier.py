"""Whether a server is asked: it is not for a while after errors in a row.

Pure; `now` is in seconds of any clock. Who is back is tried by one request
first. Errors are those that say nothing of the request: it could not be
reached, reset the connection, did not answer in time, or failed inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Protocol, TypeVar


@dataclass(frozen=True, slots=True)
class Rules:
    """errors: in a row, after which a server is not asked. first, longest:
    seconds that it is left alone, the first time and at most; each time in a
    row doubles them."""

    errors: int = 5
    first: float = 1.0
    longest: float = 60.0


class Health:
    """Of one server."""

    def __init__(self, rules: Rules = Rules()) -> None:
        self._rules = rules
        self._errors = 0
        self._times = 0
        """That it was left alone, since it last answered well for good."""
        self._until = -inf
        self._probing = False
        self.times_heard = 0
        """Answers and beginnings of answers, ever."""
        self.ejections = 0
        """Times that it was left alone, ever."""

    def asked(self, now: float) -> bool:
        """Whether it may be sent a request now."""
        return not self._times or (now >= self._until and not self._probing)

    @property
    def ejected(self) -> bool:
        """Whether it is left alone, or tried by one request."""
        return self._times > 0

    @property
    def back(self) -> float:
        """When it is tried again."""
        return self._until

    def sent(self) -> None:
        """A request goes there."""
        self._probing = self.ejected

    def heard(self) -> None:
        """It does not hang, whatever becomes of the answer."""
        self.times_heard += 1

    def answered(self) -> None:
        self.heard()
        self._errors = self._times = 0
        self._probing = False

    def failed(self, now: float) -> None:
        self._errors += 1
        tried = self._probing or (self.ejected and now >= self._until)
        if tried or (not self.ejected and self._errors >= self._rules.errors):
            self._times += 1
            self.ejections += 1
            alone = self._rules.first * 2 ** min(self._times - 1, 30)
            self._until = now + min(alone, self._rules.longest)
        self._probing = False

    def left(self) -> None:
        """A request's caller left: nothing is known."""
        self._probing = False


class Watched(Protocol):
    @property
    def health(self) -> Health: ...


Server = TypeVar("Server", bound=Watched)


def askable(servers: Sequence[Server], now: float) -> Sequence[Server]:
    """Those that may be sent a request; all of them where each is left alone,
    since one that answers badly is better than none."""
    return [each for each in servers if each.health.asked(now)] or servers
