"""What was used outlasts the process, to a slice, and limits do."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest

from catnap.access.admission import Admitted
from catnap.access.limit_rows import LIMITS
from catnap.access.limits import Limit
from catnap.access.meter import Meter
from catnap.access.usage import DAY
from catnap.access.usage_rows import Use
from catnap.errors import NotFound
from catnap.store import Component, Store

NOON = 1_763_726_400.0
ANN = ("acme", "ann", "search")
THREE = Limit(tenant="acme", daily_calls=3)


@pytest.fixture
async def store(lasting: str) -> AsyncIterator[Store]:
    store = Store(lasting, [LIMITS])
    yield store
    store.close()


def meter(store: Store, *limits: Limit, now: float = NOON) -> Meter:
    return Meter(store, lambda: now, limits)


def calls(meter: Meter, count: int, now: float = NOON) -> int:
    """How many of so many are let in."""
    answers = [meter.limiter.admit(ANN, now) for _ in range(count)]
    return sum(isinstance(answer, Admitted) for answer in answers)


async def test_a_day_goes_on_where_it_was_after_a_restart(store: Store) -> None:
    first = meter(store, THREE)
    await first.start()
    assert calls(first, 2) == 2
    await first.stop()
    second = meter(store, THREE)
    await second.start()
    assert calls(second, 9) == 1
    await second.stop()
    tomorrow = meter(store, THREE, now=NOON + DAY)
    await tomorrow.start()
    assert calls(tomorrow, 9, NOON + DAY) == 3
    await tomorrow.stop()
    assert [each.calls for each in await tomorrow.used("2025-11-21")] == [3]


async def test_a_crash_allows_no_more_again_than_what_was_not_written_yet(store: Store) -> None:
    crashed = meter(store, THREE)
    await crashed.start()
    assert calls(crashed, 2) == 2
    await crashed.settle()
    assert calls(crashed, 9) == 1  # within the slice, and lost
    after = meter(store, THREE)
    await after.start()
    assert calls(after, 9) == 1
    await after.stop()


async def test_use_is_written_once_also_where_the_store_could_not_for_a_while(
    store: Store,
) -> None:
    found = meter(store)
    calls(found, 2)
    found.limiter.spend(ANN, NOON, tokens=5, compute_ms=1.5, bytes=7, cost=0.25)
    await store.run(lambda db: db.execute("ALTER TABLE used RENAME TO away"))
    with pytest.raises(Exception, match="used"):
        await found.settle()
    await store.run(lambda db: db.execute("ALTER TABLE away RENAME TO used"))
    calls(found, 1)
    await found.settle()
    await found.settle()
    assert await found.used("2025-11-21") == [Use("2025-11-21", *ANN, 3, 5, 1.5, 7, 0.25)]


async def test_use_is_found_by_whose_it_is(store: Store) -> None:
    found = meter(store)
    for who in (ANN, ("acme", "bob", "draft"), ("rival", "ann", "search")):
        found.limiter.admit(who, NOON)

    async def of(**named: str) -> list[tuple[str, str]]:
        return [(each.tenant, each.user) for each in await found.used("2025-11-21", **named)]

    assert await of(tenant="acme") == [("acme", "ann"), ("acme", "bob")]
    assert await of(user="ann") == [("acme", "ann"), ("rival", "ann")]
    assert await of(tenant="acme", skill="draft") == [("acme", "bob")]


async def test_a_limit_that_was_set_stands_for_that_of_the_settings_until_it_is_removed(
    store: Store,
) -> None:
    found = meter(store, THREE, Limit(tenant="rival", rate=1))
    await found.start()
    await found.put(Limit(tenant="acme", daily_calls=5))
    assert calls(found, 9) == 5
    await found.remove(("acme", "", ""))
    assert calls(found, 1) == 0
    assert found.is_configured(THREE)
    with pytest.raises(NotFound, match=r"tenant 'acme' was set: it is one of catnap\.toml"):
        await found.remove(("acme", "", ""))
    await found.stop()


async def test_a_store_of_the_release_before_goes_on_and_that_release_with_it(lasting: str) -> None:
    insert = (
        'INSERT INTO used (day, tenant, "user", skill, gateway, calls, tokens, compute_ms, bytes, '
        "changed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    )
    before = Store(lasting, [Component("limits", LIMITS.steps[:1])])
    await before.run(lambda db: db.execute(insert, ("2025-11-21", *ANN, "", 2, 5, 1.5, 7, NOON)))
    before.close()
    store = Store(lasting, [LIMITS])
    found = meter(store, THREE)
    await found.start()
    assert calls(found, 9) == 1
    await found.stop()
    await store.run(
        lambda db: db.execute(insert, ("2025-11-21", *ANN, "another", 1, 0, 0.0, 0, NOON))
    )
    assert await found.used("2025-11-21") == [Use("2025-11-21", *ANN, 4, 5, 1.5, 7, 0.0)]
    store.close()


async def test_gateways_that_share_a_store_count_a_day_together(shared: str) -> None:
    stores = [Store(shared, [LIMITS]) for _ in range(2)]
    one, other = (meter(store, Limit(tenant="acme", daily_calls=6)) for store in stores)
    await one.start()
    await other.start()
    assert calls(one, 2) == 2
    assert calls(other, 1) == 1
    for each in (one, other, one, other):
        await each.settle()
        await each.hear()
    assert calls(one, 2) == 2
    await one.settle()
    await other.hear()
    await other.hear()
    assert calls(other, 9) == 1
    assert [each.calls for each in await other.used("2025-11-21")] == [6]
    for each, store in zip((one, other), stores, strict=True):
        await each.stop()
        store.close()


async def test_what_models_cost_through_one_gateway_counts_at_the_other(shared: str) -> None:
    stores = [Store(shared, [LIMITS]) for _ in range(2)]
    one, other = (meter(store, Limit(tenant="acme", daily_cost=1)) for store in stores)
    await one.start()
    await other.start()
    one.limiter.spend(ANN, NOON, cost=0.75)
    other.limiter.spend(ANN, NOON, cost=0.25)
    assert other.limiter.within(ANN, NOON, "daily_cost") is None
    await one.settle()
    await other.hear()
    assert other.limiter.within(ANN, NOON, "daily_cost") is not None
    assert [each.cost for each in await other.used("2025-11-21")] == [1.0]
    for each, store in zip((one, other), stores, strict=True):
        await each.stop()
        store.close()


async def test_a_limit_is_kept_without_what_it_does_not_bound(store: Store) -> None:
    found = meter(store)
    await found.start()
    await found.put(THREE)
    [row] = await store.run(lambda db: db.execute("SELECT bounds FROM limits").fetchall())
    assert "daily_cost" not in msgspec.msgpack.decode(row["bounds"])
    assert found.limiter.limits == (THREE,)
    await found.stop()


async def test_gateways_that_share_a_store_share_out_rates_and_places(shared: str) -> None:
    stores = [Store(shared, [LIMITS]) for _ in range(2)]
    one, other = (meter(store) for store in stores)
    await one.start()
    await other.start()
    await other.put(Limit(tenant="acme", rate=1, burst=4, concurrent=6))
    await one.hear()
    assert (calls(one, 9), calls(other, 9)) == (2, 2)
    await other.stop()
    await one.hear()
    assert calls(one, 9, NOON + 60) == 4
    await one.stop()
    for store in stores:
        store.close()
