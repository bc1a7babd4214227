"""Which instance a call goes to, of those that have room for it.

Source: Knative Serving, the activator's load-balancing policies by
containerConcurrency: any number at once, the less busy of two at random; up to
3, the first that is free; else one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol, TypeVar


class Busy(Protocol):
    """An instance, as far as its choice goes."""

    inflight: int
    """Calls that it has at work."""


Kind = TypeVar("Kind", bound=Busy)

FEW = 3
"""The concurrency up to which the first instance is filled before the next."""


class Balance:
    """Chooses by one revision's concurrency. random: where chance decides."""

    def __init__(self, concurrency: int, random: Random) -> None:
        self._concurrency = concurrency
        self._random = random
        self._next = 0

    def choose(self, instances: Sequence[Kind], fits: Callable[[Kind], bool]) -> Kind | None:
        """One of the instances that `fits`; None where none does."""
        if not self._concurrency:
            return self._better_of_two([each for each in instances if fits(each)])
        if self._concurrency <= FEW:
            return next(filter(fits, instances), None)
        return self._in_turn(instances, fits)

    def _better_of_two(self, fitting: Sequence[Kind]) -> Kind | None:
        if len(fitting) < 2:
            return fitting[0] if fitting else None
        one, other = self._random.sample(fitting, 2)
        return other if other.inflight < one.inflight else one

    def _in_turn(self, instances: Sequence[Kind], fits: Callable[[Kind], bool]) -> Kind | None:
        for step in range(len(instances)):
            turn = (self._next + step) % len(instances)
            if fits(instances[turn]):
                self._next = turn + 1
                return instances[turn]
        return None
