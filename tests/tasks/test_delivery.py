"""Attempts, retries and dead letters, on a real journal and a clock of ours."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from catnap.errors import (
    Cancelled,
    CatnapError,
    InvalidRequest,
    SkillCrashed,
    SkillError,
    Unavailable,
)
from catnap.store import Store
from catnap.tasks import TABLES, Acceptance, Delivery, Failure, Journal, Retry, Task
from catnap.tasks.delivery import Answer
from catnap.tasks.task import State

START = 1_000_000.0
_ids = itertools.count(1)


@dataclass
class World:
    """A journal, what delivers from it, and the skill that it calls."""

    journal: Journal
    now: float = START
    chance: float = 0.5
    begun: list[tuple[str, float]] = field(default_factory=list)
    """Task and time of each attempt."""
    told: list[Task] = field(default_factory=list)
    skill: Callable[[Task], object] = lambda task: None
    hold: asyncio.Event | None = None
    """Attempts wait for it, where there is one."""

    def __post_init__(self) -> None:
        self.delivery = self.deliverer()

    def deliverer(self, **options: Any) -> Delivery:
        options = {"chance": lambda: self.chance, **options}
        self.delivery = Delivery(
            self.journal, self.attempt, self.told.append, lambda: self.now, **options
        )
        return self.delivery

    async def attempt(self, task: Task) -> Answer:
        self.begun.append((task.id, self.now))
        if self.hold:
            await self.hold.wait()
        answer = self.skill(task)
        if isinstance(answer, Exception):
            raise answer
        return Answer("text/plain", b"done")

    async def accept(self, **fields: object) -> Task:
        base: dict[str, object] = {
            "id": f"{next(_ids):06}", "tenant": "acme", "user": "ann", "skill": "echo",
            "created": self.now, "updated": self.now, "due": self.now,
        }  # fmt: skip
        [(task, _)] = await self.journal.accept([Acceptance(Task(**{**base, **fields}))])  # type: ignore[arg-type]
        self.delivery.wake()
        return task

    async def until(self, task: Task, *states: State, attempts: int = 0) -> Task:
        """Asks the journal, which answers in the order it was asked."""
        while True:
            found = await self.journal.get("acme", task.id)
            if found.state in states and found.attempts >= attempts:
                return found

    def go(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds
        self.delivery.wake()


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store(":memory:", [TABLES])
    yield store
    store.close()


@pytest.fixture
async def world(store: Store) -> AsyncIterator[World]:
    world = World(Journal(store))
    world.delivery.start()
    yield world
    await world.delivery.stop()


async def test_an_answer_is_kept_and_told(world: World) -> None:
    task = await world.accept()
    ended = await world.until(task, "succeeded")
    assert (ended.result, ended.content_type, ended.attempts) == (b"done", "text/plain", 1)
    while not world.told:
        await asyncio.sleep(0)
    assert world.told == [ended]


async def test_a_crash_is_retried_five_times_ever_later_and_then_dead(world: World) -> None:
    world.skill = lambda task: SkillCrashed("it broke")
    task = await world.accept()
    waits = []
    for attempt in range(1, 6):
        queued = await world.until(task, "queued", attempts=attempt)
        waits.append(round(queued.due - world.now, 6))
        world.go(queued.due - world.now)
    dead = await world.until(task, "dead")
    assert waits == [1, 2, 4, 8, 16]
    assert dead.attempts == len(world.begun) == 6
    assert dead.failure == Failure("SkillCrashed", "it broke", True)


async def test_no_attempt_is_made_before_it_is_due(world: World) -> None:
    world.skill = lambda task: SkillCrashed("it broke")
    task = await world.accept()
    await world.until(task, "queued", attempts=1)
    world.go(0.9)
    other = await world.accept(skill="other")
    await world.until(other, "queued", attempts=1)
    assert [each for each, _ in world.begun].count(task.id) == 1


async def test_a_skill_that_says_when_to_come_again_is_heeded_up_to_an_hour(world: World) -> None:
    for said, waited in ((7.0, 7.0), (1e9, 3600.0), (-5.0, 1.0)):
        busy = Unavailable("busy", retry_after=said)
        world.skill = lambda task: busy  # noqa: B023
        task = await world.accept()
        queued = await world.until(task, "queued", attempts=1)
        assert queued.due - world.now == pytest.approx(waited)


async def test_what_an_event_asked_for_and_cannot_be_is_dead_at_once(world: World) -> None:
    world.skill = lambda task: SkillError("no such account")
    dead = await world.until(await world.accept(trigger="on-file"), "dead")
    assert dead.attempts == 1


async def test_what_was_submitted_and_cannot_be_has_failed(world: World) -> None:
    world.skill = lambda task: InvalidRequest("`topic`: missing")
    failed = await world.until(await world.accept(), "failed")
    assert failed.failure == Failure("InvalidRequest", "`topic`: missing", False)


async def test_a_dead_letter_that_is_sent_again_has_all_its_attempts(world: World) -> None:
    world.skill = lambda task: SkillError("closed") if len(world.begun) == 1 else None
    task = await world.accept(trigger="t")
    await world.until(task, "dead")
    await world.journal.redrive("acme", task.id, world.now)
    world.delivery.wake()
    assert (await world.until(task, "succeeded")).attempts == 1


async def test_nothing_is_tried_again_after_its_deadline(world: World) -> None:
    world.skill = lambda task: SkillCrashed("it broke")
    task = await world.accept(deadline=START + 2.5)
    queued = await world.until(task, "queued", attempts=1)
    world.go(queued.due - world.now)
    dead = await world.until(task, "dead")
    assert dead.attempts == 2, "the third would have been due after the deadline"
    assert dead.failure == Failure("SkillCrashed", "it broke", True)


async def test_a_skill_that_ends_as_cancelled_is_not_tried_again(world: World) -> None:
    world.skill = lambda task: Cancelled("stopped by request")
    assert (await world.until(await world.accept(), "cancelled")).attempts == 1


async def test_an_error_of_our_own_is_retried_and_says_no_more_than_that(world: World) -> None:
    world.skill = lambda task: ZeroDivisionError("in our code")
    queued = await world.until(await world.accept(), "queued", attempts=1)
    assert queued.failure is not None
    assert "internal" in queued.failure.message


async def test_a_lane_has_one_at_work_and_the_next_begins_at_its_end(world: World) -> None:
    world.hold = asyncio.Event()
    first = await world.accept(lane="l")
    await world.until(first, "running")
    second = await world.accept(lane="l")
    other = await world.accept(lane="m")
    await world.until(other, "running")
    assert (await world.journal.get("acme", second.id)).state == "queued"
    world.hold.set()
    await world.until(second, "succeeded")


async def test_a_slow_skill_leaves_places_to_the_others(world: World) -> None:
    await world.delivery.stop()
    world.deliverer(at_once=3, per_skill=2).start()
    world.hold = asyncio.Event()
    slow = [await world.accept(skill="slow") for _ in range(4)]
    quick = await world.accept(skill="quick")
    await world.until(quick, "running")
    working = [(await world.journal.get("acme", each.id)).state for each in slow]
    assert working.count("running") == 2
    world.hold.set()
    for each in slow:
        await world.until(each, "succeeded")


async def test_what_a_stop_broke_off_is_done_after_the_next_start(world: World) -> None:
    world.hold = asyncio.Event()
    task = await world.accept()
    await world.until(task, "running")
    await world.delivery.stop()
    given_back = await world.journal.get("acme", task.id)
    assert (given_back.state, given_back.attempts) == ("queued", 0)
    world.hold = None
    assert await world.deliverer().recover() == 0
    world.delivery.start()
    assert (await world.until(task, "succeeded")).attempts == 1


async def test_a_stop_at_any_moment_leaves_nothing_at_work(world: World) -> None:
    world.hold = asyncio.Event()
    for steps in range(8):
        task = await world.accept()
        for _ in range(steps):
            await asyncio.sleep(0)
        await world.delivery.stop()
        left = await world.journal.get("acme", task.id)
        assert (left.state, left.attempts) == ("queued", 0)
        world.deliverer().start()


async def test_a_task_that_crashes_the_gateway_is_dead_after_its_last_attempt(
    store: Store, world: World
) -> None:
    await world.delivery.stop()
    task = await world.accept()
    for attempt in range(1, 7):
        [claimed] = await world.journal.claim(world.now, 10, 10)
        assert claimed.attempts == attempt
        world.journal = Journal(store)
        assert await world.deliverer().recover() == (attempt < 6)
    dead = await world.journal.get("acme", task.id)
    assert (dead.state, dead.attempts) == ("dead", 6)
    assert dead.failure is not None
    assert "crashed" in dead.failure.message


async def test_an_attempt_that_is_broken_off_writes_nothing(world: World) -> None:
    world.hold = asyncio.Event()
    task = await world.accept()
    await world.until(task, "running")
    await world.journal.end(task.id, "cancelled", world.now)
    world.delivery.cancel(task.id)
    other = await world.accept()
    world.hold.set()
    await world.until(other, "succeeded")
    assert (await world.journal.get("acme", task.id)).state == "cancelled"
    assert [each.id for each in world.told] in ([], [other.id])


async def test_two_thousand_tasks_are_done_once_each(world: World) -> None:
    fields = {"tenant": "acme", "user": "u", "created": START, "updated": START, "due": START}
    tasks = [Task(id=f"n{n}", skill=f"s{n % 7}", **fields) for n in range(2_000)]  # type: ignore[arg-type]
    await world.journal.accept([Acceptance(task) for task in tasks])
    world.delivery.wake()
    while len(world.told) < len(tasks):
        await asyncio.sleep(0)
    assert sorted(each for each, _ in world.begun) == sorted(task.id for task in tasks)


class Failing(Journal):
    """A journal whose disk is full once, when an end is to be written."""

    full = True

    async def end(self, *args: object, **kwargs: object) -> Task | None:
        if self.full:
            self.full = False
            raise Unavailable("the store could not be written: disk is full")
        return await super().end(*args, **kwargs)  # type: ignore[arg-type]


async def test_an_end_that_cannot_be_written_is_written_when_it_can(
    monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    monkeypatch.setattr("catnap.tasks.delivery.PAUSE", 0.0)
    world = World(Failing(store))
    world.delivery.start()
    try:
        await world.until(await world.accept(), "succeeded")
        assert len(world.begun) == 1
    finally:
        await world.delivery.stop()


class Forgetful(Journal):
    """A journal that writes the first end and loses the answer."""

    lost = True

    async def end(self, *args: object, **kwargs: object) -> Task | None:
        ended = await super().end(*args, **kwargs)  # type: ignore[arg-type]
        if self.lost:
            self.lost = False
            raise Unavailable("the store was lost")
        return ended


async def test_an_end_of_which_only_the_answer_was_lost_is_told(
    monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    monkeypatch.setattr("catnap.tasks.delivery.PAUSE", 0.0)
    world = World(Forgetful(store))
    world.delivery.start()
    try:
        task = await world.accept()
        while not world.told:
            await asyncio.sleep(0)
        assert [each.id for each in world.told] == [task.id]
        assert world.told[0].state == "succeeded"
    finally:
        await world.delivery.stop()


async def test_one_that_rests_ends_what_it_has_begun_and_begins_no_more(world: World) -> None:
    world.hold = asyncio.Event()
    begun = await world.accept()
    await world.until(begun, "running")
    world.delivery.rest()
    left = await world.accept()
    world.hold.set()
    await world.until(begun, "succeeded")
    for _ in range(5):  # it would have looked by then
        assert (await world.until(left, "queued", "running", "succeeded")).state == "queued"


@pytest.mark.parametrize(
    ("failed", "chance", "said", "waited"),
    [
        (1, 0.5, None, 1.0),
        (5, 0.5, None, 16.0),
        (30, 0.5, None, 60.0),
        (1, 0.0, None, 0.8),
        (3, 1.0, None, 4.8),
        (1, 0.5, 2.0, 2.0),
        (5, 0.5, 2.0, 16.0),
    ],
)
def test_the_delay_doubles_up_to_a_bound_and_is_a_fifth_off_at_most(
    failed: int, chance: float, said: float | None, waited: float
) -> None:
    assert Retry().delay(failed, chance, said) == pytest.approx(waited)


async def test_what_failed_together_does_not_come_back_together(world: World) -> None:
    world.skill = lambda task: SkillCrashed("it broke")
    dues = []
    for world.chance in (0.0, 0.75):
        queued = await world.until(await world.accept(), "queued", attempts=1)
        dues.append(round(queued.due - world.now, 6))
    assert dues == [0.8, 1.1]


def test_what_failed_comes_back_as_the_error_it_was() -> None:
    error: CatnapError = Failure.of(SkillError("declined")).error()
    assert type(error) is SkillError
    assert error.message == "declined"
