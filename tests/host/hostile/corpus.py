"""A corpus of connections: whole requests, and one spoilt among them."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from .messages import Message
from .mutations import mutate

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Conversation:
    """What one connection says: `before` whole, then bytes that nobody
    vouches for, in the pieces that it is sent in."""

    before: tuple[Message, ...]
    pieces: tuple[bytes, ...]

    @property
    def raw(self) -> bytes:
        return b"".join(self.pieces)


def draw(strategy: SearchStrategy[T], count: int, number: int) -> list[T]:
    """`count` examples, the same for the same number."""
    drawn: list[T] = []

    @seed(number)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(example: T) -> None:
        drawn.append(example)

    collect()
    return drawn


def conversations(pool: list[Message], requests: int, number: int) -> Iterator[Conversation]:
    """As many as it takes for so many requests, not counting what comes after
    one that is spoilt; the same for the same pool and number."""
    chance = random.Random(number)
    raws = [message.raw for message in pool]
    # One that is refused before the last of it arrived ends its connection.
    lasting = [message for message in pool if message.status == 200 and not message.closes]
    left = requests
    while left > 0:
        before = tuple(chance.choices(lasting, k=chance.choice((0, 0, 1, 1, 2))))
        spoilt = mutate(chance, chance.choice(raws), raws)
        after = chance.choices(raws, k=chance.choice((0, 0, 1, 2)))
        raw = b"".join([*(message.raw for message in before), spoilt, *after])
        left -= len(before) + 1
        yield Conversation(before, tuple(_cut(chance, raw)))


def _cut(chance: random.Random, raw: bytes) -> Iterator[bytes]:
    places = sorted(chance.randrange(len(raw) + 1) for _ in range(chance.choice((0, 0, 1, 3))))
    for start, end in zip([0, *places], [*places, len(raw)], strict=True):
        if start < end:
            yield raw[start:end]


async def shrink(raw: bytes, fails: Callable[[bytes], Awaitable[bool]], tries: int = 200) -> bytes:
    """Fewer bytes that fail still, where they fail in one piece at all: ever
    smaller parts are left out."""
    step = len(raw)
    while step:
        at = 0
        while at < len(raw) and tries:
            less = raw[:at] + raw[at + step :]
            tries -= 1
            if await fails(less):
                raw = less
            else:
                at += step
        step //= 2
    return raw
