"""How many tunnels there are, of whom, and when that is enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from catnap.access import Grant
from catnap.errors import ResourceExhausted
from catnap.gateway.egress.limits import Limits


class Held:
    """Tunnels that are open or about to be."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._counts: Counter[tuple[str, ...]] = Counter()

    def take(self, grant: Grant) -> None:
        """Counts one more. Raises ResourceExhausted, which says what is full."""
        for key, limit, what in self._bounds(grant):
            if self._counts[key] >= limit:
                raise ResourceExhausted(
                    f"{what} has {limit:,} tunnels open, which is the most: close one first",
                    retry_after=1,
                )
        self._counts.update(key for key, *_ in self._bounds(grant))

    def give(self, grant: Grant) -> None:
        """Counts one less."""
        for key, *_ in self._bounds(grant):
            self._counts[key] -= 1
            if not self._counts[key]:
                del self._counts[key]

    def _bounds(self, grant: Grant) -> Iterator[tuple[tuple[str, ...], int, str]]:
        limits, tenant = self._limits, grant.tenant
        yield ("task", tenant, grant.task), limits.task_tunnels, f"task {grant.task}"
        yield ("skill", tenant, grant.skill), limits.skill_tunnels, f"skill {grant.skill!r}"
        yield (), limits.tunnels, "the platform"
