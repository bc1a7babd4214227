import asyncio
from typing import Any

import pytest
from lease import KEY, Held, lease

from catnap import Conflict, Unavailable
from catnap.skills.files import Files
from catnap.skills.testing import FakeGateway


class Flaky(FakeGateway):
    """Loses the answers, or the requests, that a test says."""

    loses: frozenset[str] = frozenset()
    """Methods whose requests do not arrive."""
    loses_answers: int = 0
    """So many of the next writes arrive, and their answers do not."""
    lost: int = 0

    async def request(self, method: str, *more: Any) -> Any:
        if method in self.loses:
            self.lost += 1
            raise Unavailable("the connection was lost")
        answer = await super().request(method, *more)
        if method == "PUT" and self.loses_answers:
            self.loses_answers -= 1
            self.lost += 1
            raise Unavailable("the connection was lost")
        return answer


async def until_lost(gateway: Flaky, times: int) -> None:
    while gateway.lost < times:  # noqa: ASYNC110 -- the renewal tells nobody
        await asyncio.sleep(0)


async def test_of_two_only_one_holds_it() -> None:
    files = FakeGateway().files
    async with lease(files, "one", lambda: 100.0):
        with pytest.raises(Held):
            async with lease(files, "two", lambda: 100.0):
                pass
        with pytest.raises(Held):
            async with lease(files, "two", lambda: 129.0):
                pass
    async with lease(files, "two", lambda: 100.0):
        pass
    assert not await files.list()


async def test_it_is_taken_over_once_it_expired_and_the_first_is_told() -> None:
    files = FakeGateway().files
    holds = asyncio.Event()

    async def work() -> None:
        async with lease(files, "one", lambda: 100.0, seconds=0.03):
            holds.set()
            await asyncio.Event().wait()

    first = asyncio.create_task(work())
    await holds.wait()
    async with lease(files, "two", lambda: 200.0):
        with pytest.raises(Conflict, match="taken over"):
            await first
        assert b'"two"' in await files.read(KEY)


async def test_it_is_renewed_while_the_work_goes_on() -> None:
    files = FakeGateway().files
    now = 100.0
    async with lease(files, "one", lambda: now, seconds=0.03):
        now = 200.0
        while b"200" not in await files.read(KEY):  # noqa: ASYNC110 -- the renewal tells nobody
            await asyncio.sleep(0)
        with pytest.raises(Held):
            async with lease(files, "two", lambda: 200.0):
                pass


async def test_what_is_no_lease_keeps_nobody_out() -> None:
    files = FakeGateway({KEY: b"\xff"}).files
    async with lease(files, "one", lambda: 100.0):
        assert b'"one"' in await files.read(KEY)


async def test_a_platform_that_is_away_for_a_moment_costs_nothing() -> None:
    gateway = Flaky()
    now = 100.0
    async with lease(Files(gateway), "one", lambda: now, seconds=0.9):
        gateway.loses = frozenset(("PUT",))
        await until_lost(gateway, 2)
        gateway.loses, now = frozenset(), 200.0
        while b"200.9" not in await gateway.files.read(KEY):  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert not await gateway.files.list()


async def test_a_renewal_whose_answer_was_lost_is_still_ours() -> None:
    gateway = Flaky()
    now = 100.0

    def clock() -> float:
        nonlocal now
        now += 1  # so every note, and with it every version, is another
        return now

    async with lease(Files(gateway), "one", clock, seconds=0.9):
        gateway.loses_answers = 1
        await until_lost(gateway, 1)
        written = await gateway.files.read(KEY)
        while await gateway.files.read(KEY) == written:  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert not await gateway.files.list()


async def test_what_cannot_be_renewed_until_it_runs_out_is_lost() -> None:
    gateway = Flaky()

    async def work() -> None:
        async with lease(Files(gateway), "one", lambda: 100.0, seconds=0.05):
            gateway.loses = frozenset(("PUT",))
            await asyncio.Event().wait()

    with pytest.raises(Conflict, match="could not be renewed"):
        await work()
    assert not await gateway.files.list()


async def test_a_platform_that_is_away_at_the_end_spoils_no_work_that_is_done() -> None:
    gateway = Flaky()
    async with lease(Files(gateway), "one", lambda: 100.0, seconds=0.9):
        gateway.loses = frozenset(("PUT", "DELETE"))
        await until_lost(gateway, 1)
    assert [file.key for file in await gateway.files.list()] == [KEY]
