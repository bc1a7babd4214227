"""What models were asked for is added up exactly, however often it is written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from catnap.access import model_usage
from catnap.access.limit_rows import LIMITS
from catnap.access.limits import Who
from catnap.access.meter import Meter
from catnap.access.model_usage import Asked, ModelUsed
from catnap.access.model_usage_rows import ModelUse
from catnap.access.usage import DAY
from catnap.store import Store

NOON = 1_763_726_400.0
TODAY = "2025-11-21"
ANN: Who = ("acme", "ann", "search")
USED = ModelUsed(1, 10, 5, 20.5, 1.5, 300, 4000, 0.25)


@pytest.fixture
async def store(lasting: str) -> AsyncIterator[Store]:
    store = Store(lasting, [LIMITS])
    yield store
    store.close()


def meter(store: Store, now: float = NOON) -> Meter:
    return Meter(store, lambda: now)


def ask(
    meter: Meter,
    times: int = 1,
    *,
    who: Who = ANN,
    model: str = "writer",
    version: str = "",
    outcome: str = "ok",
    now: float = NOON,
) -> None:
    for _ in range(times):
        meter.models.add(Asked(who, model, version, outcome), USED, now)


async def requests(meter: Meter, day: str = TODAY, **named: str) -> dict[tuple[str, ...], int]:
    return {
        (each.tenant, each.skill, each.model, each.version): each.requests
        for each in await meter.used_models(day, **named)
    }


async def test_each_amount_is_added_up_and_errors_are_told_apart(store: Store) -> None:
    found = meter(store)
    ask(found, 2)
    ask(found, outcome="Unavailable")
    ask(found, 3, outcome="Cancelled")
    [use] = await found.used_models(TODAY)
    assert use == ModelUse(
        *(TODAY, "acme", "search", "writer", "", 6, {"Cancelled": 3, "Unavailable": 1}),
        *(60, 30, 123.0, 9.0, 1800, 24_000, 1.5),
    )


async def test_use_is_told_by_tenant_skill_model_and_version_of_those_who_are_named(
    store: Store,
) -> None:
    found = meter(store)
    ask(found)
    ask(found, 2, who=("acme", "bob", "search"), version="2")
    ask(found, 4, who=("acme", "bob", ""))
    ask(found, 8, who=("rival", "ann", "search"), model="other")
    assert await requests(found) == {
        ("acme", "", "writer", ""): 4,
        ("acme", "search", "writer", ""): 1,
        ("acme", "search", "writer", "2"): 2,
        ("rival", "search", "other", ""): 8,
    }
    assert await requests(found, user="bob", skill="search") == {
        ("acme", "search", "writer", "2"): 2
    }
    assert await requests(found, tenant="acme", model="other") == {}
    assert await requests(found, "2025-11-20") == {}


async def test_requests_that_end_while_others_are_written_count_once(store: Store) -> None:
    found = meter(store)
    await found.start()

    async def some() -> None:
        for _ in range(50):
            ask(found)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(some())
            group.create_task(found.settle())
    [use] = await found.used_models(TODAY)
    assert (use.requests, use.prompt_tokens, use.cost) == (1000, 10_000, 250.0)
    await found.stop()


async def test_a_write_that_failed_or_was_done_without_an_answer_counts_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = meter(store)
    ask(found, 2)
    await store.run(lambda db: db.execute("ALTER TABLE used_models RENAME TO away"))
    with pytest.raises(Exception, match="used_models"):
        await found.settle()
    await store.run(lambda db: db.execute("ALTER TABLE away RENAME TO used_models"))
    run = store.run

    async def silent(work: object) -> None:
        await run(work)  # type: ignore[arg-type]
        raise ConnectionError

    ask(found)
    with monkeypatch.context() as patched:
        patched.setattr(store, "run", silent)
        with pytest.raises(ConnectionError):
            await found.settle()
    ask(found)
    await found.settle()
    await found.settle()
    [use] = await found.used_models(TODAY)
    assert use.requests == 4


async def test_use_goes_on_where_it_was_after_a_restart_and_begins_anew_each_day(
    store: Store,
) -> None:
    for _ in range(2):
        each = meter(store)
        await each.start()
        ask(each, 3)
        await each.stop()
    tomorrow = meter(store)
    ask(tomorrow, 1)
    ask(tomorrow, 5, now=NOON + DAY)
    key = ("acme", "search", "writer", "")
    assert await requests(tomorrow) == {key: 7}
    assert await requests(tomorrow, "2025-11-22") == {key: 5}


async def test_two_gateways_that_share_a_store_add_up_to_one_use(shared: str) -> None:
    stores = [Store(shared, [LIMITS]) for _ in range(2)]
    gateways = [meter(store) for store in stores]
    for each in gateways:
        await each.start()
    for _ in range(3):
        for each in gateways:
            ask(each, 5)
        await asyncio.gather(*(each.settle() for each in gateways))
    for each in gateways:
        [use] = await each.used_models(TODAY)
        assert (use.requests, use.bytes_out, use.cost) == (30, 120_000, 7.5)
    for each, store in zip(gateways, stores, strict=True):
        await each.stop()
        store.close()


async def test_of_very_many_users_of_a_tenant_the_last_count_together(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_usage, "MOST", 3)
    found = meter(store)
    for number in range(10):
        ask(found, who=("acme", f"user-{number}", "search"))
        ask(found, who=("rival", "ann", "search"))
    assert await requests(found, tenant="acme") == {("acme", "search", "writer", ""): 10}
    assert await requests(found, user="user-2") == {("acme", "search", "writer", ""): 1}
    assert await requests(found, user="*") == {("acme", "search", "writer", ""): 7}
    assert await requests(found, user="ann") == {("rival", "search", "writer", ""): 10}


async def test_what_is_older_than_anybody_asks_for_is_dropped(store: Store) -> None:
    found = meter(store)
    ask(found, now=NOON - 500 * DAY)
    assert await requests(found, "2024-07-09")
    await found.start()
    while await requests(found, "2024-07-09"):
        pass  # it is done in the background
    await found.stop()
