"""What limits cost a call that is let in, beside 3 µs of CPU.

From the question whether it may to its end, and what it used counted: in one
thread, nothing else running, of one user's calls and of many users'.
"""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

from catnap.access.admission import Admitted
from catnap.access.limiter import Limiter
from catnap.access.limits import Limit, Who
from catnap.access.usage import DAY

MOST = 3.0
"""Microseconds of CPU with three limits, at most."""

CALLS = 200_000
ACCOUNTS = 50_000
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


def _many() -> dict[str, float]:
    """Of very many accounts: kB of each, and ms of CPU that nobody is let in for."""
    tracemalloc.start()
    full = _full()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del full
    limiter = _full()
    gc.freeze()  # as the gateway does with what stays
    return {
        "kilobytes": size / ACCOUNTS / 1000,
        "change": _milliseconds(lambda: limiter.change((*THREE, Limit(tenant="rival", rate=1)))),
        "midnight": _milliseconds(lambda: limiter.admit(("acme", "ann", "search"), DAY)),
    }


def _full() -> Limiter:
    limiter = Limiter(THREE)
    for number in range(ACCOUNTS):
        limiter.spend(("acme", f"user-{number}", "search"), 0.0)
    limiter.noted()
    return limiter


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1e3


def main() -> dict[str, Any]:
    return {
        **_many(),
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
    many = (
        f"{ACCOUNTS:,} accounts: {result['kilobytes']:.1f} kB each; other limits hold them up for "
    )
    lines.append(f"{many}{result['change']:.1f} ms, midnight for {result['midnight']:.0f} ms")
    verdict = "within" if result["three"] <= MOST else "PAST"
    return "\n".join([*lines, f"three limits: {verdict} the {MOST:g} µs that they may cost"])
