"""Random state that a fork copies, and must not.

Python's own generator, `secrets`, `uuid` and OpenSSL see to it themselves; so
do the names of `tempfile`. What is left are generators that a preloaded module
has made from no seed. One that it has seeded itself stays as it is: every
process that imports the module has the same.
"""

from __future__ import annotations

import gc
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_FROM_THE_SYSTEM = 64
"""Bits that a seed has at most where a person has chosen it; numpy takes 128
from the system where nobody has."""


class Randomness:
    """Generators to seed anew in a child."""

    def __init__(self) -> None:
        self._pythons: dict[int, random.Random] = {}
        self._bits: list[Any] = []

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Finds those that are made meanwhile."""
        seed = random.Random.seed
        random.Random.seed = self._watched(seed)  # type: ignore[method-assign]
        try:
            yield
        finally:
            random.Random.seed = seed  # type: ignore[method-assign]
        numpy = sys.modules.get("numpy.random")
        if numpy is not None:
            # A Generator and a RandomState draw from one; some draw from it bare.
            found = (each for each in gc.get_objects() if isinstance(each, numpy.BitGenerator))
            self._bits = [each for each in found if _unseeded(each)]

    def _watched(self, seed: Callable[..., None]) -> Callable[..., None]:
        def watched(this: random.Random, a: Any = None, *args: Any, **more: Any) -> None:
            seed(this, a, *args, **more)
            if a is None:
                self._pythons[id(this)] = this
            else:
                self._pythons.pop(id(this), None)

        return watched

    def renew(self) -> None:
        for each in self._pythons.values():
            each.seed()
        for bits in self._bits:
            bits.state = type(bits)().state
        numpy = sys.modules.get("numpy.random")
        if numpy is not None:
            numpy.seed()


def _unseeded(bits: Any) -> bool:
    sequence = getattr(bits, "seed_seq", None)
    entropy = getattr(sequence, "entropy", None)
    return isinstance(entropy, int) and entropy.bit_length() > _FROM_THE_SYSTEM
