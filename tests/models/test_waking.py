"""Models at zero are woken by who asks, and put to sleep when nobody does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from catnap.calls.wake_rows import WAKES, StoredUses
from catnap.errors import DeadlineExceeded, ResourceExhausted, Unavailable
from catnap.errors import PermissionDenied as Forbidden
from catnap.models.settings import Bounds, Model, Wake
from catnap.models.waking import Waking
from catnap.skills.duration import Duration
from catnap.store import Store
from tests.models.deployments import Deployment, at_zero

NAME = "models/writer"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catnap.models.waking.POLL", 0.01)


@pytest.fixture
async def deployment() -> AsyncIterator[Deployment]:
    async with at_zero() as found:
        yield found


class Counted(StoredUses):
    """looks: how often it was asked whether a deployment may be put to sleep."""

    looks = 0

    async def last(self, deployment: str) -> float | None:
        self.looks += 1
        return await super().last(deployment)


@pytest.fixture
def uses() -> Iterator[Counted]:
    store = Store(":memory:", [WAKES])
    yield Counted(store)
    store.close()


def model(deployment: Deployment, idle: float = 0, timeout: float = 20, waiting: int = 9) -> Model:
    return Model(
        servers=(deployment.server.address,),
        wake=Wake(NAME, Duration(idle), Duration(timeout)),
        limits=Bounds(waiting=waiting),
    )


class Woken:
    """One gateway's."""

    def __init__(self, deployment: Deployment, uses: StoredUses, found: Model) -> None:
        self.told: list[str] = []
        self.clock = Clock()
        self.model = found
        self.waking = Waking(deployment, uses, self.told.append, self.clock, self.clock)
        self.waking.change({"writer": found})

    async def ask(self, left: float | None = None, *, reached: bool = True) -> None:
        deadline = None if left is None else self.clock() + left
        use = await self.waking.use("writer", self.model, deadline)
        assert use
        use.end(reached=reached)


async def until(holds: Callable[[], object], clock: Clock | None = None) -> None:
    """clock: goes on meanwhile."""
    async with asyncio.timeout(20):
        while not holds():
            if clock:
                clock.now += 1
            await asyncio.sleep(0.01)


async def test_the_first_who_asks_wakes_it_and_all_wait_for_one_start(
    deployment: Deployment, uses: StoredUses
) -> None:
    woken = Woken(deployment, uses, model(deployment))
    await asyncio.gather(*(woken.ask(20) for _ in range(5)))
    assert deployment.scaled == [1]
    await woken.ask()
    assert deployment.scaled == [1]
    await woken.waking.close()


async def test_who_cannot_wait_leaves_and_the_start_goes_on(
    deployment: Deployment, uses: StoredUses
) -> None:
    woken = Woken(deployment, uses, model(deployment))
    deployment.comes = False
    with pytest.raises(DeadlineExceeded, match="at zero"):
        await woken.ask(0.05)
    await deployment.server.start(deployment.server.address)
    await woken.ask(20)
    assert deployment.scaled == [1]
    await woken.waking.close()


async def test_what_cannot_be_woken_is_refused_at_once_and_tried_again_later(
    deployment: Deployment, uses: StoredUses
) -> None:
    woken = Woken(deployment, uses, model(deployment))
    deployment.error = Forbidden("no right to patch deployments/scale")
    with pytest.raises(Unavailable, match=r"models/writer cannot be started: no right"):
        await woken.ask()
    deployment.error = None
    with pytest.raises(Unavailable, match="no right") as refused:
        await woken.ask()
    assert refused.value.retry_after == 10
    assert (deployment.scaled, len(woken.told)) == ([], 1)
    woken.clock.now += 10
    await woken.ask()
    await woken.waking.close()


async def test_a_start_that_comes_to_nothing_says_where_to_look(
    deployment: Deployment, uses: StoredUses
) -> None:
    woken = Woken(deployment, uses, model(deployment, timeout=0.05))
    deployment.comes = False
    with pytest.raises(Unavailable, match="kubectl -n models describe deployment writer"):
        await woken.ask()
    await woken.waking.close()


async def test_only_so_many_wait_for_a_start(deployment: Deployment, uses: StoredUses) -> None:
    woken = Woken(deployment, uses, model(deployment, waiting=2))
    deployment.comes = False
    waiting = [asyncio.create_task(woken.ask()) for _ in range(2)]
    await until(lambda: deployment.scaled)
    with pytest.raises(ResourceExhausted, match="2 requests wait already"):
        await woken.ask()
    await deployment.server.start(deployment.server.address)
    await asyncio.gather(*waiting)
    await woken.waking.close()


async def test_what_nobody_asks_is_put_to_sleep_and_woken_again(
    deployment: Deployment, uses: StoredUses
) -> None:
    woken = Woken(deployment, uses, model(deployment, idle=0.04))
    await woken.ask(20)
    await until(lambda: deployment.scaled == [1, 0], woken.clock)
    await woken.ask(20)
    assert deployment.scaled == [1, 0, 1]
    await woken.waking.close()


async def test_who_asks_while_it_is_put_to_sleep_wakes_it_after_that(
    deployment: Deployment, uses: StoredUses
) -> None:
    woken = Woken(deployment, uses, model(deployment, idle=0.04))
    await woken.ask(20)
    deployment.may_stop.clear()
    await until(deployment.stopping.is_set, woken.clock)
    asking = asyncio.create_task(woken.ask(2000))
    await asyncio.sleep(0)
    deployment.may_stop.set()
    await asking
    assert deployment.scaled == [1, 0, 1]
    await woken.waking.close()


async def test_a_request_at_work_keeps_it_awake(deployment: Deployment, uses: StoredUses) -> None:
    woken = Woken(deployment, uses, model(deployment, idle=0.04))
    use = await woken.waking.use("writer", woken.model, None)
    assert use
    for _ in range(5):
        woken.clock.now += 1
        before = await uses.last(NAME)
        while await uses.last(NAME) == before:  # until it was noted
            await asyncio.sleep(0.01)
    assert deployment.scaled == [1]
    use.end()
    await until(lambda: deployment.scaled == [1, 0], woken.clock)
    await woken.waking.close()


async def test_what_another_gateway_asks_stays_awake(deployment: Deployment, uses: Counted) -> None:
    one = Woken(deployment, uses, model(deployment, idle=0.04))
    await one.ask(20)
    await uses.note(NAME, one.clock.now + 500)  # by another gateway
    one.clock.now += 1
    await until(lambda: uses.looks > 2)
    assert deployment.scaled == [1]
    one.clock.now += 500
    await until(lambda: deployment.scaled == [1, 0])
    await one.waking.close()


async def test_a_deployment_that_is_no_longer_to_rest_stays_awake(
    deployment: Deployment, uses: Counted
) -> None:
    woken = Woken(deployment, uses, model(deployment, idle=0.04))
    await woken.ask(20)
    await until(lambda: uses.looks, woken.clock)
    looks = uses.looks
    woken.waking.change({"writer": model(deployment)})
    woken.clock.now += 100
    await woken.ask(20)
    assert (uses.looks, deployment.scaled[-1]) == (looks, 1)
    await woken.waking.close()


async def test_one_that_was_put_to_sleep_by_others_is_looked_at_anew(
    deployment: Deployment, uses: StoredUses
) -> None:
    woken = Woken(deployment, uses, model(deployment))
    await woken.ask()
    await deployment.stop(NAME)
    await woken.ask(reached=False)  # nobody was there
    await woken.ask()
    assert deployment.scaled == [1, 0, 1]
    await woken.waking.close()


async def test_a_model_without_a_deployment_is_nobodys_to_wake(
    deployment: Deployment, uses: StoredUses
) -> None:
    woken = Woken(deployment, uses, model(deployment))
    assert await woken.waking.use("other", Model(servers=("o:1",)), None) is None
    woken.waking.change({})
    assert await woken.waking.use("writer", woken.model, None) is None
    await woken.waking.close()
