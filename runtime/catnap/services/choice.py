"""Which revision a call goes to, by its service's traffic split.

Pure: time and the random number are arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Protocol

from catnap.sessions import DRAIN, Table, chance


class Split(Protocol):
    """A part of the traffic. revision: empty where it is no revision's.
    percent: of the calls."""

    @property
    def revision(self) -> str: ...
    @property
    def percent(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Share:
    """The plain form of a Split."""

    revision: str
    percent: int


def revision(splits: Sequence[Split], home: str, random: float) -> str:
    """A session stays at the revision where it was, while that has a share of
    the traffic; others go by the shares. Empty where no revision has one.

    home: the session's revision, empty for none. random: 0 <= n < 1.
    """
    left = random * sum(each.percent for each in splits if each.revision)
    chosen = ""
    for split in splits:
        if not split.revision or not split.percent:
            continue
        if split.revision == home:
            return home
        if left >= 0:
            chosen = split.revision
        left -= split.percent
    return chosen


def of_session(
    splits: Sequence[Split], service: str, session: str, sessions: Table[Any], now: float
) -> str:
    """As `revision`, for a session's call. It is not torn apart: while calls
    are at work the others follow them for DRAIN, whatever the revision's share
    is by now. A new session falls where it would in every process."""
    home = sessions.home(session, now)
    if home is None or not home.calls:
        return revision(splits, home.revision if home else "", chance(session, service))
    served = any(each.revision == home.revision and each.percent for each in splits)
    sessions.depart(home, inf if served else now + DRAIN)
    return home.revision


def main(splits: Sequence[Split]) -> str:
    """The revision with the largest share; empty where there is none."""
    ours = [each for each in splits if each.revision]
    return max(ours, key=lambda each: each.percent).revision if ours else ""
