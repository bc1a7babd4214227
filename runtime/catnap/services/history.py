"""Which revisions stay, to be gone back to: one rule, here and on a cluster."""

from __future__ import annotations

from collections.abc import Iterable

KEPT = 10
"""Revisions of a service that no traffic names, and that can be gone back to."""


def too_many(spare: Iterable[tuple[str, bool]]) -> set[str]:
    """Those that go, of the revisions that nothing needs: first what has never
    served, which nobody would go back to, then the oldest.

    spare: names, the oldest first, and whether each has served.
    """
    by_worth = sorted(spare, key=lambda each: each[1])
    return {name for name, _ in by_worth[: max(0, len(by_worth) - KEPT)]}
