"""What became of a call at the limits."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from catnap.access.limits import Limit, Measure, Who, whose
from catnap.access.rates import Gate, Places, burst
from catnap.errors import ResourceExhausted
from catnap.skills.duration import roughly


class Admitted:
    """A call that was let in. It holds its places until its end."""

    __slots__ = ("_places", "_since")

    def __init__(self, places: Sequence[Places], since: float) -> None:
        self._places, self._since = places, since

    def end(self, now: float) -> None:
        """Gives its places back; once is enough, more changes nothing."""
        places, self._places = self._places, ()
        for place in places:
            place.leave(now - self._since)


@dataclass(frozen=True, slots=True)
class Refused:
    """A call that took nothing.

    limit, measure: what it met; of several, the one that frees last. scope: who
    has used it up. frees_at: when the call can be let in if nobody else comes
    before, in seconds since the epoch; where calls at work have to end first,
    as long calls took until now.
    """

    limit: Limit
    measure: Measure
    scope: Who
    frees_at: float
    gate: Gate = field(repr=False, compare=False)

    def error(self, now: float) -> ResourceExhausted:
        """Says which limit, how much it is, and when it frees."""
        left = max(0.0, self.frees_at - now)
        if self.measure == "concurrent":
            when = f"a place frees when a call ends, by experience in {roughly(left)}"
        else:
            when = f"it frees in {roughly(left)}, at {moment(self.frees_at)}"
        said = f"the limit of {whose(self.scope)} is reached: {bound(self.limit, self.measure)}"
        return ResourceExhausted(f"{said}; {when}", retry_after=left)


def bound(limit: Limit, measure: Measure) -> str:
    """One bound of a limit in words."""
    value = getattr(limit, measure)
    text = f"{value:,g}" if value < 1e6 else f"{value:,.0f}"
    if measure == "rate":
        return f"{text} calls per second, {burst(limit):,} at once"
    if measure == "concurrent":
        return f"{text} at work at one time"
    return f"{text} {_DAILY[measure]} per day (UTC)"


_DAILY = {
    "daily_calls": "calls",
    "daily_tokens": "tokens of models",
    "daily_compute_ms": "ms of compute",
    "daily_bytes": "bytes of files written",
    "daily_cost": "spent on models",
}


def moment(seconds: float) -> str:
    """RFC 3339, to the millisecond."""
    whole, part = divmod(int(seconds * 1000), 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{part:03d}Z"
