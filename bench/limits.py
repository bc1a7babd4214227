"""What limits cost a call that is let in, beside 3 µs of CPU.

From the question whether it may to its end, and what it used counted: in one
thread, nothing else running, of one user's calls and of many users'.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from catnap.access.admission import Admitted
from catnap.access.limiter import Limiter
from catnap.access.limits import Limit, Who

MOST = 3.0
"""Microseconds of CPU with three limits, at most."""

CALLS = 200_000
THREE = (
    Limit(tenant="acme", rate=100_000, burst=10_000),
    Limit(tenant="acme", user="*", concurrent=10),
    Limit(tenant="acme", user="*", daily_calls=10**9),
)
FIVE = (
    *THREE,
    Limit(skill="*", rate=100_000, concurrent=100),
    Limit(tenant="*", daily_compute_ms=1e12),
)


def _cost(limits: Sequence[Limit], users: int) -> float:
    """Microseconds of CPU per call, the best of five."""
    limiter = Limiter(limits)
    whos: list[Who] = [("acme", f"user-{number}", "search") for number in range(users)]
    for who in whos:
        limiter.spend(who, 0.0)  # known, as a user is after the first call
    now, best = 0.0, float("inf")
    for _ in range(5):
        began = time.process_time()
        for number in range(CALLS):
            now += 0.0001
            who = whos[number % users]
            admitted = limiter.admit(who, now)
            assert isinstance(admitted, Admitted)
            admitted.end(now)
            limiter.spend(who, now, compute_ms=1.0)
        best = min(best, time.process_time() - began)
    return best / CALLS * 1e6


def _refused() -> float:
    limiter = Limiter((Limit(tenant="acme", daily_calls=0), *THREE))
    who = ("acme", "ann", "search")
    began = time.process_time()
    for _ in range(CALLS):
        limiter.admit(who, 0.0)
    return (time.process_time() - began) / CALLS * 1e6


def main() -> dict[str, Any]:
    return {
        "none": _cost((), 1),
        "three": _cost(THREE, 1),
        "three_of_10000_users": _cost(THREE, 10_000),
        "six": _cost(FIVE, 1),
        "refused": _refused(),
        "most": MOST,
    }


def table(result: dict[str, Any]) -> str:
    rows = (
        ("no limit, its use counted", "none"),
        ("three limits", "three"),
        ("three limits, 10,000 users in turn", "three_of_10000_users"),
        ("six bounds of five limits", "six"),
        ("refused", "refused"),
    )
    lines = [f"{'a call':<36} µs of CPU"]
    lines += [f"{text:<36} {result[name]:>9.2f}" for text, name in rows]
    verdict = "within" if result["three"] <= MOST else "PAST"
    return "\n".join([*lines, f"three limits: {verdict} the {MOST:g} µs that they may cost"])
