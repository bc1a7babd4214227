"""Spans: what was done for a request, from when to when, and within which other."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from catnap.events.traceparent import parse, sampled, write

Kind = Literal["server", "client"]
"""Which side of a request it is: who answers it, or who sends it on."""

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at one moment, in nanoseconds since the epoch."""

    name: str
    at: int
    attributes: dict[str, Value]


class Begun(Protocol):
    """What somebody is at."""

    @property
    def traceparent(self) -> str:
        """For what is asked of others meanwhile; empty where there is no trace."""

    def event(self, name: str, **attributes: Value) -> None: ...

    def end(self, error: str = "", **attributes: Value) -> None:
        """error: its name, where it did not end well."""


class Tracer(Protocol):
    def begin(self, name: str, kind: Kind, parent: str) -> Begun:
        """parent: the traceparent that a request came with, if it had one."""


@dataclass(slots=True)
class Passed:
    """Of what is not kept."""

    traceparent: str

    def event(self, name: str, **attributes: Value) -> None:
        """Nothing."""

    def end(self, error: str = "", **attributes: Value) -> None:
        """Nothing."""


class Untraced:
    """Keeps nothing: a valid traceparent goes on as it came."""

    def begin(self, name: str, kind: Kind, parent: str) -> Passed:
        """See Tracer."""
        return Passed(parent if parent and parse(parent) else "")


UNTRACED = Untraced()


@dataclass(eq=False, slots=True)
class Span:
    """began, ended: nanoseconds since the epoch. trace, id, parent: in hex;
    no parent where it begins its trace."""

    name: str
    kind: Kind
    trace: str
    id: str
    parent: str
    began: int
    keep: Callable[[Span], None]
    clock: Callable[[], int]
    ended: int = 0
    error: str = ""
    attributes: dict[str, Value] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    @property
    def traceparent(self) -> str:
        return write(self.trace, self.id)

    def event(self, name: str, **attributes: Value) -> None:
        """See Begun."""
        self.events.append(Event(name, self.clock(), attributes))

    def end(self, error: str = "", **attributes: Value) -> None:
        """See Begun."""
        self.ended, self.error = self.clock(), error
        self.attributes.update(attributes)
        self.keep(self)


class Spans:
    """The Tracer that keeps what its callers do, and what nobody has begun to
    trace. keep: is given each span at its end."""

    def __init__(
        self,
        keep: Callable[[Span], None],
        clock: Callable[[], int] = time.time_ns,
        random: Callable[[int], str] = secrets.token_hex,
    ) -> None:
        self._keep = keep
        self._clock = clock
        self._random = random

    def begin(self, name: str, kind: Kind, parent: str) -> Span | Passed:
        """See Tracer."""
        known = parse(parent)
        if known is None:
            trace, above = self._random(16), ""
        elif sampled(parent):
            trace, above = known
        else:
            return Passed(parent)
        return Span(
            name, kind, trace, self._random(8), above, self._clock(), self._keep, self._clock
        )
