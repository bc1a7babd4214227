"""When a revision whose instances crash may start the next one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

from catnap.errors import CatnapError, Unavailable

FIRST, MOST = 1.0, 60.0
"""Seconds without a start after a crash: after the first, and at most.

Source: Kubernetes, KEP-4603. The kubelet's older 10 seconds to 5 minutes would
have somebody who mends a skill wait for his own platform.
"""

FORGIVEN = 600.0
"""Seconds after which a crash has nothing to do with the one before, as the
kubelet has them."""

INTERRUPTIONS = 3
"""Starts in a row that somebody else may end before it counts as a failure."""

CRASH_LOOP = "CrashLoopBackOff"


@dataclass(frozen=True, slots=True)
class Crash:
    """How the last instance of a revision failed."""

    error: CatnapError
    status: int | None
    """Exit status, or minus the signal; None where there was no process."""
    line: str
    """The last one that it wrote."""
    failures: int
    """Rounds that failed since one went well."""
    until: float
    """When the next may start, by the pools' clock."""

    @property
    def message(self) -> str:
        return self.error.message


class Backoff:
    """Doubles with every round that fails; a call that finds an instance ready
    ends it.

    Instances that were started together and all fail are one round. What
    crashes after it had a call is no failure to start: one caller's poison
    would keep the skill from all the others.
    """

    def __init__(self) -> None:
        self.crash: Crash | None = None
        self._interruptions = 0

    def failed(
        self, now: float, error: CatnapError, status: int | None = None, line: str = ""
    ) -> None:
        """An instance could not start, or crashed before it had any call."""
        failures, until = (self.crash.failures, self.crash.until) if self.crash else (0, now)
        if now >= until:
            failures = 1 if now > until + FORGIVEN else failures + 1
            until = now + min(MOST, FIRST * 2.0 ** min(failures - 1, 30))
        self.crash = Crash(error, status, line, failures, until)

    def forgives(self) -> bool:
        """Whether it is no failure that somebody else ended one that was
        starting."""
        self._interruptions += 1
        return self._interruptions <= INTERRUPTIONS

    def started(self, now: float) -> None:
        """One is ready: others may follow. Whether it stays is to be seen."""
        self._interruptions = 0
        if self.crash:
            self.crash = replace(self.crash, until=min(now, self.crash.until))

    def well(self) -> None:
        self.crash = None

    def close(self) -> CatnapError:
        """There is no next start, and that is why."""
        stopping = Unavailable("the platform is stopping")
        self.crash = Crash(stopping, None, "", 0, inf)
        return stopping

    def left(self, now: float) -> float:
        """Seconds until the next start."""
        return max(0.0, self.crash.until - now) if self.crash else 0.0
