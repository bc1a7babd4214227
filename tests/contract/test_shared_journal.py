"""What the journal promises where several gateways work from it at once."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from catnap.store import Database, Store
from catnap.tasks import TABLES, Acceptance, Delivery, Journal, Task
from catnap.tasks.claim import claim
from catnap.tasks.delivery import Answer
from catnap.tasks.journal import LEASE

NOW = 1_000_000.0
GATEWAYS = 3
_ids = itertools.count(1)


@pytest.fixture
def stores(shared: str) -> Iterator[list[Store]]:
    stores = [Store(shared, [TABLES]) for _ in range(GATEWAYS)]
    yield stores
    for store in stores:
        store.close()


@pytest.fixture
def gateways(stores: list[Store]) -> list[Journal]:
    return [Journal(store, f"gateway {n}") for n, store in enumerate(stores)]


def task(**fields: object) -> Task:
    base: dict[str, object] = {
        "id": f"{next(_ids):06}", "tenant": "acme", "user": "ann", "skill": "echo",
        "created": NOW, "updated": NOW, "due": NOW,
    }  # fmt: skip
    return Task(**{**base, **fields})  # type: ignore[arg-type]


async def accept(journal: Journal, *tasks: Task) -> None:
    await journal.accept([Acceptance(each) for each in tasks])


async def test_a_key_stands_for_one_task_whichever_gateway_is_asked(
    gateways: list[Journal],
) -> None:
    """Each gateway gets every key, in an order of its own."""

    async def ask(journal: Journal, key: int) -> tuple[int, str, bool]:
        [(kept, new)] = await journal.accept([Acceptance(task(), f"key {key}", "d")])
        return key, kept.id, new

    answers = await asyncio.gather(
        *(
            ask(journal, (number * (start * 2 + 1)) % 64)
            for start, journal in enumerate(gateways)
            for number in range(64)
        )
    )
    assert len({(key, id) for key, id, _ in answers}) == 64  # noqa: A001
    assert sum(new for *_, new in answers) == 64
    assert len(await gateways[0].page("acme", limit=200)) == 64


async def test_each_task_is_claimed_by_one_gateway(gateways: list[Journal]) -> None:
    tasks = [task(skill=f"s{number % 5}") for number in range(600)]
    await accept(gateways[0], *tasks)

    async def work(journal: Journal) -> list[str]:
        done = []
        while len(done) < len(tasks):
            claimed = await journal.claim(NOW, 20, 1000)
            if not claimed and not await journal.page("acme", states=["queued"], limit=1):
                break
            done += [each.id for each in claimed]
        return done

    claimed = Counter(itertools.chain(*await asyncio.gather(*map(work, gateways))))
    assert claimed == Counter(each.id for each in tasks)


async def test_a_lane_has_one_task_at_work_among_all_gateways(gateways: list[Journal]) -> None:
    """Tasks of a lane that came while each before was at work."""
    lanes = ["one", "two", "three"]
    left = Counter(dict.fromkeys(lanes, 12))
    tasks = [task(lane=lane, state="dead") for lane in lanes for _ in range(left[lane])]
    for each in tasks:
        await gateways[0].write(each)
    for each in tasks:  # so that none joins another that waits
        await gateways[0].redrive("acme", each.id, NOW)
    at_work = Counter[str]()

    async def work(journal: Journal) -> None:
        while left.total():
            for claimed in await journal.claim(NOW, 10, 1000):
                at_work[claimed.lane] += 1
                assert at_work[claimed.lane] == 1
                await asyncio.sleep(0)
                at_work[claimed.lane] -= 1
                left[claimed.lane] -= 1
                await journal.end(claimed.id, "succeeded", NOW, attempt=claimed.attempts)

    await asyncio.gather(*map(work, gateways))
    assert not left.total()


async def _two_of_a_lane(journal: Journal) -> None:
    """The more urgent one is due at NOW + 1, and the other one at NOW."""
    urgent, other = task(lane="l", state="dead", priority=3), task(lane="l", state="dead")
    for each, due in ((urgent, NOW + 1), (other, NOW)):
        await journal.write(each)
        await journal.redrive("acme", each.id, due)


async def test_a_lane_is_taken_before_who_took_it_has_committed(
    stores: list[Store], gateways: list[Journal]
) -> None:
    await _two_of_a_lane(gateways[0])
    claimed, go = threading.Event(), threading.Event()

    def begin(db: Database) -> list[Task]:
        tasks = claim(db, "other", NOW + 1, 1, 10)
        claimed.set()
        go.wait()
        return tasks

    first = asyncio.create_task(stores[0].run(begin))
    try:
        await asyncio.to_thread(claimed.wait)
        assert await gateways[1].claim(NOW, 10, 10) == []
    finally:
        go.set()
    assert len(await first) == 1


async def test_a_lane_that_was_taken_since_we_looked_is_left_out(
    stores: list[Store], gateways: list[Journal]
) -> None:
    await _two_of_a_lane(gateways[0])
    looked, go = threading.Event(), threading.Event()

    class Slow:
        """Stops between the look and the lock."""

        def __init__(self, db: Database) -> None:
            self.skip_locked = db.skip_locked
            self.execute = db.execute
            self._db = db

        def alone(self, name: str) -> bool:
            looked.set()
            go.wait()
            return self._db.alone(name)

    second = asyncio.create_task(stores[1].run(lambda db: claim(Slow(db), "other", NOW, 1, 10)))
    try:
        await asyncio.to_thread(looked.wait)
        assert len(await gateways[0].claim(NOW + 1, 1, 10)) == 1
    finally:
        go.set()
    assert await second == []


async def test_what_a_gateway_works_at_is_its_own_until_it_was_not_heard_of(
    gateways: list[Journal],
) -> None:
    first, second, _ = gateways
    await first.recover(NOW, 6)
    mine, waited = task(), task(state="running", waited=True)
    await accept(first, mine, waited)
    await first.claim(NOW, 10, 10)
    assert await second.recover(NOW + LEASE, 6) == 0
    assert (await second.get("acme", mine.id)).state == "running"
    assert await second.recover(NOW + LEASE + 1, 6) == 1
    assert (await second.get("acme", mine.id)).state == "queued"
    assert (await second.get("acme", waited.id)).state == "failed"


async def test_what_a_gateway_has_accepted_is_taken_up_by_one_that_was_told_nothing(
    gateways: list[Journal],
) -> None:
    done = asyncio.Queue[Task]()

    async def attempt(task: Task) -> Answer:
        return Answer("text/plain", b"done")

    delivery = Delivery(gateways[1], attempt, done.put_nowait, lambda: NOW)
    first, second = task(), task()
    await accept(gateways[0], first)
    delivery.start()
    try:
        assert (await done.get()).id == first.id
        for _ in range(5):  # by then it has looked and waits
            await gateways[1].next_due(NOW)
        await accept(gateways[0], second)
        async with asyncio.timeout(20):
            assert (await done.get()).id == second.id
    finally:
        await delivery.stop()


async def test_a_gateway_that_stops_gives_back_its_own_work_alone(
    gateways: list[Journal],
) -> None:
    first, second, _ = gateways
    here, there = task(), task()
    for journal, each in ((first, here), (second, there)):
        await accept(journal, each)
        await journal.claim(NOW, 1, 10)
    await first.give_back(NOW)
    assert (await first.get("acme", here.id)).state == "queued"
    assert (await first.get("acme", there.id)).state == "running"


async def test_the_end_of_an_attempt_that_was_taken_over_is_refused(
    gateways: list[Journal],
) -> None:
    first, second, _ = gateways
    await accept(first, task())
    [lost] = await first.claim(NOW, 1, 10)
    await second.recover(NOW, 6)
    [again] = await second.claim(NOW, 1, 10)
    assert again.id == lost.id
    assert await first.end(lost.id, "succeeded", NOW, attempt=lost.attempts) is None
    assert await second.end(again.id, "succeeded", NOW, attempt=again.attempts) is not None
