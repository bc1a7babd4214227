"""What pools that share a revision may have together."""

from __future__ import annotations

import asyncio

import pytest

from catnap.errors import Unavailable
from catnap.services.place import Place
from catnap.services.pool import Pool
from catnap.services.room import Room
from tests.services.test_pool import World


class Asked(Pool):
    """Knows how often it was asked for anything on account of others."""

    asked = 0

    def scale_up(self) -> None:
        self.asked += 1
        super().scale_up()

    def spare(self, count: int) -> int:
        self.asked += 1
        return super().spare(count)


class Shares(World):
    """Pools of one room, each with a call that wants its only place."""

    def __init__(self, count: int, room: Room) -> None:
        super().__init__(concurrency=1)
        self.pools = [
            Asked(self.revision, self._make, lambda: self.now, room, str(number))
            for number in range(count)
        ]
        self.served: list[tuple[Pool, Place]] = []
        self.calls = [asyncio.create_task(self.acquire(pool)) for pool in self.pools]

    async def acquire(self, pool: Pool) -> None:
        place, _ = await pool.acquire()
        self.served.append((pool, place))


async def test_every_share_has_its_turn_and_none_is_asked_but_who_gives_and_who_takes() -> None:
    shares = Shares(50, Room(1))
    for number, pool in enumerate(shares.pools):
        await shares.settle()
        assert [each for each, _ in shares.served] == shares.pools[: number + 1]
        assert sum(each.asked for each in shares.pools) <= 4 * (number + 1)
        assert sum(len(each.instances) for each in shares.pools) == 1
        pool.release(shares.served[number][1])
    await asyncio.gather(*shares.calls)


async def test_who_is_asked_in_vain_keeps_its_turn() -> None:
    room = Room(1)
    shares = Shares(3, room)
    await shares.settle()
    room.freed()
    room.freed()
    pool, place = shares.served[0]
    pool.release(place)
    await shares.settle()
    assert [each for each, _ in shares.served] == shares.pools[:2]
    for call in shares.calls:
        call.cancel()


async def test_what_waits_is_bounded_over_all_shares_and_who_leaves_makes_room() -> None:
    shares = Shares(3, Room(1, queue=3))
    await shares.settle()
    late = asyncio.create_task(shares.acquire(shares.pools[0]))
    await shares.settle()
    for pool in shares.pools:
        with pytest.raises(Unavailable, match="3 calls wait"):
            await shares.acquire(pool)
    late.cancel()
    await shares.settle()
    again = asyncio.create_task(shares.acquire(shares.pools[2]))
    await shares.settle()
    assert not again.done()
    for call in (again, *shares.calls):
        call.cancel()
