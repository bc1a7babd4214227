"""What every side of the Journal port promises."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from catnap.errors import CatnapError, Conflict, InvalidRequest, NotFound
from catnap.events import Event
from catnap.store import Store
from catnap.tasks import TABLES, Acceptance, Failure, Journal, Task
from catnap.tasks.acceptance import REMEMBERED
from catnap.tasks.journal import KEPT

NOW = 1_000_000.0
WRITER = Path(__file__).with_name("journal_writer.py")
_ids = itertools.count(1)


def task(**fields: object) -> Task:
    """A queued task with an id of its own; ids sort by age."""
    base: dict[str, object] = {
        "id": f"{next(_ids):06}",
        "tenant": "acme",
        "user": "ann",
        "skill": "echo",
        "created": NOW,
        "updated": NOW,
        "due": NOW,
    }
    return Task(**{**base, **fields})  # type: ignore[arg-type]


def event(data: bytes) -> Event:
    return Event(id="1", source="/test", type="test", data=data)


@pytest.fixture
def store(lasting: str) -> Iterator[Store]:
    with opened(lasting) as store:
        yield store


@pytest.fixture
def journal(store: Store) -> Journal:
    return Journal(store)


@contextmanager
def opened(place: str) -> Iterator[Store]:
    store = Store(place, [TABLES])
    try:
        yield store
    finally:
        store.close()


async def accept(journal: Journal, wanted: Task, key: str = "", digest: str = "") -> Task:
    [(kept, _)] = await journal.accept([Acceptance(wanted, key, digest)])
    return kept


async def claim(journal: Journal, now: float = NOW, limit: int = 100) -> list[Task]:
    return await journal.claim(now, limit, 1000)


# --- accepted once ------------------------------------------------------------


async def test_a_task_reads_back_as_it_was_accepted(journal: Journal) -> None:
    wanted = task(
        session="s1",
        roles=("auditor", "caller"),
        parent="p",
        trigger="on-file",
        priority=3,
        depth=2,
        deadline=NOW + 5,
        event=event(b"\x00\xff").extended(tenantid="acme"),
    )
    await accept(journal, wanted)
    assert await journal.get("acme", wanted.id) == wanted


async def test_a_key_stands_for_one_task_however_many_ask_at_once(journal: Journal) -> None:
    answers = await asyncio.gather(
        *(journal.accept([Acceptance(task(), key="k", digest="d")]) for _ in range(100))
    )
    kept = {found.id for [(found, _)] in answers}
    assert len(kept) == 1
    assert sum(new for [(_, new)] in answers) == 1
    assert len(await journal.page("acme", limit=200)) == 1


async def test_another_request_under_a_known_key_is_a_conflict(journal: Journal) -> None:
    first = await accept(journal, task(), "k", "one")
    with pytest.raises(Conflict, match=first.id):
        await accept(journal, task(), "k", "two")


async def test_of_several_acceptances_all_or_none_are_recorded(journal: Journal) -> None:
    await accept(journal, task(), "k", "one")
    lost = task()
    with pytest.raises(Conflict):
        await journal.accept([Acceptance(lost), Acceptance(task(), "k", "two")])
    with pytest.raises(NotFound):
        await journal.get("acme", lost.id)


async def test_a_key_is_remembered_for_a_day(journal: Journal) -> None:
    first = await accept(journal, task(), "k")
    late = task(created=NOW + REMEMBERED)
    assert (await accept(journal, late, "k")).id == first.id
    later = task(created=NOW + REMEMBERED + 1)
    assert (await accept(journal, later, "k")).id == later.id


async def test_a_freed_key_may_be_used_again(journal: Journal) -> None:
    first = await accept(journal, task(waited=True), "k", "one")
    await journal.write(first, forget="k")
    again = task()
    assert (await accept(journal, again, "k", "two")).id == again.id


async def test_a_task_cannot_free_the_key_that_another_has_by_now(journal: Journal) -> None:
    first = await accept(journal, task(), "k")
    await journal.write(first, forget="k")
    second = await accept(journal, task(), "k")
    await journal.write(first, forget="k")
    assert (await accept(journal, task(), "k")).id == second.id


async def test_what_was_withdrawn_has_ended_and_its_key_is_free(journal: Journal) -> None:
    gone = task(state="cancelled")
    await accept(journal, task(id=gone.id, state="running", waited=True), "k")
    journal.withdraw(gone, "k")
    assert (await journal.get("acme", gone.id)).state == "cancelled"
    again = task()
    assert (await accept(journal, again, "k")).id == again.id


async def test_withdrawing_what_was_never_accepted_leaves_no_trace(journal: Journal) -> None:
    first = await accept(journal, task(), "k")
    never = task(state="cancelled")
    journal.withdraw(never, "k")
    assert (await accept(journal, task(), "k")).id == first.id
    with pytest.raises(NotFound):
        await journal.get("acme", never.id)


async def test_a_task_of_another_tenant_is_not_found(journal: Journal) -> None:
    kept = await accept(journal, task())
    with pytest.raises(NotFound, match=kept.id):
        await journal.get("other", kept.id)


# --- lanes ---------------------------------------------------------------------


async def test_what_waits_in_a_lane_takes_in_those_that_follow(journal: Journal) -> None:
    first = await accept(journal, task(lane="l", event=event(b"old"), session="a"))
    second = task(lane="l", event=event(b"new"), session="b", roles=("caller", "x"))
    [(kept, new)] = await journal.accept([Acceptance(second)])
    assert not new
    assert kept.id == first.id
    assert kept.event == event(b"new")
    assert (kept.session, kept.roles) == ("b", ("caller", "x"))


async def test_new_work_does_not_pay_for_what_failed_before_it(journal: Journal) -> None:
    first = await accept(journal, task(lane="l"))
    await claim(journal)
    broken = Failure("SkillCrashed", "it broke", True)
    await journal.end(first.id, "queued", NOW, failure=broken, due=NOW + 30)
    joined = await accept(journal, task(lane="l", due=NOW + 1))
    assert (joined.id, joined.attempts, joined.failure, joined.due) == (first.id, 0, None, NOW + 1)
    assert (await accept(journal, task(lane="l", due=NOW + 9))).due == NOW + 1


async def test_what_comes_while_a_lane_works_waits_for_its_end(journal: Journal) -> None:
    await accept(journal, task(lane="l"))
    [working] = await claim(journal)
    await accept(journal, task(lane="l"))
    third = await accept(journal, task(lane="l", event=event(b"newest")))
    assert await claim(journal) == []
    await journal.end(working.id, "succeeded", NOW)
    [claimed] = await claim(journal)
    assert claimed.id == third.id
    assert claimed.event == event(b"newest")


async def test_a_lane_gives_one_task_at_a_time_of_many_redriven(journal: Journal) -> None:
    dead = [task(lane="l", state="dead") for _ in range(3)]
    for each in dead:
        await journal.write(each)
        await journal.redrive("acme", each.id, NOW)
    other = await accept(journal, task())
    claimed = await claim(journal)
    assert len(claimed) == 2
    assert other.id in {each.id for each in claimed}


# --- what is due ----------------------------------------------------------------


async def test_the_most_urgent_and_then_the_oldest_is_claimed_first(journal: Journal) -> None:
    late = await accept(journal, task(due=NOW - 1))
    early = await accept(journal, task(due=NOW - 2))
    high = await accept(journal, task(priority=3))
    await accept(journal, task(due=NOW + 1))
    assert [each.id for each in await claim(journal)] == [high.id, early.id, late.id]


async def test_a_claim_counts_the_attempt_and_is_given_once(journal: Journal) -> None:
    await accept(journal, task())
    claims = await asyncio.gather(*(claim(journal) for _ in range(10)))
    [claimed] = [each for found in claims for each in found]
    assert (claimed.state, claimed.attempts) == ("running", 1)


async def test_no_skill_of_a_tenant_has_all_the_places(journal: Journal) -> None:
    for _ in range(5):
        await accept(journal, task(skill="slow"))
    quick = await accept(journal, task(skill="quick", due=NOW + 1))
    first = await journal.claim(NOW + 1, 4, per_skill=2)
    assert [each.skill for each in first] == ["slow", "slow", "quick"]
    assert first[-1].id == quick.id
    assert await journal.claim(NOW + 1, 4, per_skill=2) == []
    await journal.end(first[0].id, "succeeded", NOW)
    assert [each.skill for each in await journal.claim(NOW, 4, per_skill=2)] == ["slow"]


async def test_a_call_that_somebody_waits_for_is_nobody_elses_to_claim(journal: Journal) -> None:
    await accept(journal, task(waited=True))
    assert await claim(journal) == []


async def test_the_journal_says_when_something_will_be_due(journal: Journal) -> None:
    assert await journal.next_due(NOW) is None
    await accept(journal, task(due=NOW + 7))
    await accept(journal, task(due=NOW + 3))
    assert await journal.next_due(NOW) == NOW + 3


# --- ends ------------------------------------------------------------------------


async def test_an_end_is_written_once(journal: Journal) -> None:
    kept = await accept(journal, task())
    await claim(journal)
    ended = await journal.end(kept.id, "succeeded", NOW + 1, content_type="a/b", result=b"r")
    assert ended is not None
    assert (ended.state, ended.result, ended.content_type) == ("succeeded", b"r", "a/b")
    assert await journal.end(kept.id, "cancelled", NOW + 2) is None
    assert await journal.get("acme", kept.id) == ended


async def test_what_was_cancelled_stays_so_whatever_its_gateway_writes_then(
    journal: Journal,
) -> None:
    waited, other = task(state="running", waited=True), task()
    await accept(journal, waited)
    await accept(journal, other)
    await journal.end(waited.id, "cancelled", NOW)
    await journal.write(msgspec.structs.replace(waited, state="succeeded"))
    assert (await journal.get("acme", waited.id)).state == "cancelled"
    assert await journal.cancelled([waited.id, other.id, "none"]) == [waited.id]
    assert await journal.cancelled([]) == []


async def test_a_queued_task_that_was_cancelled_is_not_claimed(journal: Journal) -> None:
    kept = await accept(journal, task())
    await journal.end(kept.id, "cancelled", NOW)
    assert await claim(journal) == []


async def test_another_attempt_is_due_when_the_end_says(journal: Journal) -> None:
    kept = await accept(journal, task())
    await claim(journal)
    failure = Failure("SkillCrashed", "it broke", True)
    await journal.end(kept.id, "queued", NOW, failure=failure, due=NOW + 5)
    assert await claim(journal, NOW + 4) == []
    [again] = await claim(journal, NOW + 5)
    assert (again.attempts, again.failure) == (2, failure)


async def test_a_dead_task_is_sent_again_with_all_its_attempts(journal: Journal) -> None:
    kept = await accept(journal, task(event=event(b"x"), deadline=NOW + 1))
    await claim(journal)
    await journal.end(kept.id, "dead", NOW, failure=Failure("SkillCrashed", "it broke", True))
    again = await journal.redrive("acme", kept.id, NOW + 60)
    assert (again.state, again.attempts, again.due) == ("queued", 0, NOW + 60)
    assert again.deadline is None
    assert again.failure is None
    assert again.event == event(b"x")


async def test_only_a_dead_task_can_be_redriven(journal: Journal) -> None:
    kept = await accept(journal, task())
    with pytest.raises(InvalidRequest, match="queued"):
        await journal.redrive("acme", kept.id, NOW)
    with pytest.raises(NotFound):
        await journal.redrive("other", kept.id, NOW)


async def test_what_ended_long_ago_is_forgotten_and_the_dead_are_kept(journal: Journal) -> None:
    ended = await accept(journal, task(state="succeeded"), "k")
    dead = await accept(journal, task(state="dead"))
    queued = await accept(journal, task())
    await journal.forget(NOW + KEPT)
    assert await journal.get("acme", ended.id)
    await journal.forget(NOW + KEPT + 1)
    left = {each.id for each in await journal.page("acme")}
    assert left == {dead.id, queued.id}


# --- pages --------------------------------------------------------------------------


async def test_pages_are_newest_first_and_leave_nothing_out(journal: Journal) -> None:
    ids = [(await accept(journal, task(event=event(b"x")))).id for _ in range(5)]
    first = await journal.page("acme", limit=2)
    second = await journal.page("acme", limit=2, before=first[-1].id)
    third = await journal.page("acme", limit=2, before=second[-1].id)
    assert [each.id for each in (*first, *second, *third)] == ids[::-1]
    assert all(each.event is None for each in first)


async def test_a_page_shows_what_was_asked_for(journal: Journal) -> None:
    wanted = await accept(journal, task(skill="a", user="ann"))
    await accept(journal, task(skill="a", user="bob"))
    await accept(journal, task(skill="b", user="ann"))
    await accept(journal, task(skill="a", user="ann", state="dead"))
    await accept(journal, task(skill="a", user="ann", tenant="other"))
    found = await journal.page("acme", states=["queued", "running"], skill="a", user="ann")
    assert [each.id for each in found] == [wanted.id]


# --- what outlasts what -----------------------------------------------------------


async def test_what_is_given_back_before_a_stop_has_lost_no_attempt(journal: Journal) -> None:
    submitted = await accept(journal, task())
    waited = await accept(journal, task(state="running", waited=True, attempts=1))
    await claim(journal)
    await journal.give_back(NOW)
    left = await journal.get("acme", submitted.id)
    assert (left.state, left.attempts) == ("queued", 0)
    assert await journal.get("acme", waited.id) == waited


async def test_after_a_crash_what_was_at_work_is_queued_again_until_its_last_attempt(
    lasting: str,
) -> None:
    with opened(lasting) as store:
        submitted = await accept(Journal(store), task())
        await claim(Journal(store))
    with opened(lasting) as store:
        journal = Journal(store)
        assert await journal.recover(NOW + 9, 2) == 1
        [again] = await claim(journal, NOW + 9)
        assert again.id == submitted.id
        assert again.attempts == 2, "the attempt may be what crashed the gateway"
        journal = Journal(store)
        assert await journal.recover(NOW + 10, 2) == 0
        dead = await journal.get("acme", submitted.id)
        assert (dead.state, dead.attempts) == ("dead", 2)
        assert (await journal.redrive("acme", dead.id, NOW)).attempts == 0


async def test_a_gateway_that_comes_back_takes_up_what_it_left_at_once(lasting: str) -> None:
    """A file has one gateway, whatever its name was before."""
    with opened(lasting) as store:
        before = Journal(store, "gateway")
        await before.recover(NOW, 6)
        await accept(before, task())
        await claim(before)
        after = Journal(store, "gateway" if store.shared else "gateway on another host")
        assert await after.recover(NOW, 6) == 1


async def test_after_a_crash_what_somebody_waited_for_may_be_asked_again(
    store: Store, journal: Journal
) -> None:
    waited = await accept(journal, task(state="running", waited=True), "k", "one")
    done = await accept(journal, task(state="running", waited=True), "done", "one")
    await journal.end(done.id, "succeeded", NOW)
    journal = Journal(store)
    assert await journal.recover(NOW, 6) == 0
    ended = await journal.get("acme", waited.id)
    assert ended.state == "failed"
    assert ended.failure is not None
    assert ended.failure.retryable
    again = task(waited=True)
    assert (await accept(journal, again, "k", "two")).id == again.id
    assert (await accept(journal, task(), "done", "one")).id == done.id


@pytest.mark.parametrize("seed", range(4))
async def test_kill_9_loses_nothing_that_was_answered(lasting: str, seed: int) -> None:
    """A real process writes, is killed at a random moment, and every id that
    it had been given is in the journal, under its key."""
    writer = subprocess.Popen([sys.executable, WRITER, lasting], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    with writer.stdout as out:
        lines = [out.readline() for _ in range(random.Random(seed).randrange(1, 400))]
        os.kill(writer.pid, signal.SIGKILL)
        lines += out.readlines()
    writer.wait()
    with opened(lasting) as store:
        journal = Journal(store)
        for line in lines:
            id, number = line.decode().split()  # noqa: A001
            assert (await journal.get("t", id)).state == "queued"
            repeat = task(tenant="t", created=1)
            assert (await accept(journal, repeat, f"key {number}")).id == id


async def test_accepts_that_come_together_share_commits(store: Store, journal: Journal) -> None:
    before = store.count
    await asyncio.gather(*(accept(journal, task()) for _ in range(500)))
    assert store.count - before < 50
    assert len(await journal.page("acme", limit=1000)) == 500


async def test_a_caller_that_left_does_not_disturb_the_others(journal: Journal) -> None:
    callers = [asyncio.create_task(accept(journal, task())) for _ in range(20)]
    await asyncio.sleep(0)
    for caller in callers[::2]:
        caller.cancel()
    await asyncio.gather(*callers, return_exceptions=True)
    assert all(caller.cancelled() == (n % 2 == 0) for n, caller in enumerate(callers))
    assert len(await journal.page("acme", limit=100)) == 20


async def test_of_what_is_noted_the_last_word_on_a_task_counts(journal: Journal) -> None:
    first, second = task(state="running"), task(state="running")
    for noted in (first, second, msgspec.structs.replace(first, state="succeeded")):
        journal.note(noted)
    assert (await journal.get("acme", first.id)).state == "succeeded"
    assert (await journal.get("acme", second.id)).state == "running"


async def test_more_tasks_than_a_statement_takes_are_noted(journal: Journal) -> None:
    noted = [task(state="running", user=f"user {number}") for number in range(50)]
    for each in noted:
        journal.note(each)
    assert sorted(await journal.page("acme", limit=100), key=lambda one: one.id) == noted


async def test_a_note_that_cannot_be_written_takes_no_other_with_it(journal: Journal) -> None:
    good, bad, also_good = task(), task(user="\ud800"), task()
    for noted in (good, bad, also_good):
        journal.note(noted)
    await journal.page("acme")  # by now it has been tried, and each goes alone next
    assert {each.id for each in await journal.page("acme")} == {good.id, also_good.id}


async def test_a_closed_journal_says_so(store: Store, journal: Journal) -> None:
    store.close()
    with pytest.raises(CatnapError, match="stopping"):
        await accept(journal, task())
