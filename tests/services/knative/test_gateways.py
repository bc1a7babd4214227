"""Sessions at several gateways: each of their calls meets the others."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from catnap.errors import ResourceExhausted, Unavailable
from catnap.http import Request, Response
from catnap.services.knative import agreed
from catnap.services.knative.api import Api
from catnap.sessions import DRAIN
from catnap.sessions.rows import HOLD, LOOK, TABLES, Home
from catnap.store import Store
from tests.services.knative.apiserver import running
from tests.services.knative.gateways import Cluster, Gateway
from tests.services.knative.serving import skill

T = TypeVar("T")
_names = itertools.count(1)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with running(tmp_path) as server:
        yield server.api()


@pytest.fixture
def stores(shared: str) -> Iterator[list[Store]]:
    stores = [Store(shared, [TABLES]) for _ in range(2)]
    yield stores
    for store in stores:
        store.close()


@pytest.fixture
async def cluster(api: Api, stores: list[Store]) -> AsyncIterator[Cluster]:
    made = Cluster("echo")
    await made.start(api, stores)
    yield made
    await made.close()


async def test_first_calls_at_two_gateways_meet_at_one_pod(cluster: Cluster) -> None:
    for _ in range(5):
        await cluster.pod("old", *cluster.gateways)
    calls = (cluster.call(cluster.gateways[n % 2], "s") for n in range(200))
    assert len(set(await asyncio.gather(*calls))) == 1


async def test_first_calls_meet_where_gateways_would_choose_different_pods(
    cluster: Cluster,
) -> None:
    """One of them has sessions at a pod that the other knows nothing of."""
    one, other = cluster.gateways
    full = await cluster.pod("old", one)
    for number in range(20):
        assert await cluster.call(one, f"before {number}") == full
    cluster.list(other, full)
    for _ in range(3):
        await cluster.pod("old", one, other)
    for number in range(20):
        calls = (cluster.call(each, str(number)) for each in (one, other, one, other))
        assert len(set(await asyncio.gather(*calls))) == 1


async def test_first_calls_wait_for_the_sessions_pod_and_wake_no_other(cluster: Cluster) -> None:
    cluster.revision("old", concurrency=10)
    pod = await cluster.pod("old", *cluster.gateways)
    calls = (cluster.call(cluster.gateways[n % 2], "s") for n in range(100))
    assert set(await asyncio.gather(*calls)) == {pod}
    assert not cluster.activator.asked


async def test_of_two_pods_that_were_woken_one_is_the_sessions_home(cluster: Cluster) -> None:
    one, other = cluster.gateways
    woken = await asyncio.gather(cluster.call(one, "s"), cluster.call(other, "s"))
    after = {await cluster.call(each, "s") for each in (one, other, one)}
    assert len(after) == 1
    assert after <= set(woken)


async def test_many_first_calls_at_zero_settle_at_one_pod(cluster: Cluster) -> None:
    calls = (cluster.call(cluster.gateways[n % 2], "s") for n in range(200))
    await asyncio.gather(*calls)
    assert len(cluster.pods) <= 2, "each gateway wakes one at most"
    assert len({await cluster.call(each, "s") for each in cluster.gateways}) == 1


async def test_a_session_follows_when_one_gateway_finds_its_pod_gone(cluster: Cluster) -> None:
    one, other = cluster.gateways
    first = await cluster.pod("old", one, other)
    assert await cluster.call(one, "s") == await cluster.call(other, "s") == first
    second = await cluster.pod("old", one, other)
    cluster.unlist(one, first)
    assert await cluster.call(one, "s") == second
    assert await cluster.call(other, "s") == second


async def test_a_pod_that_only_the_other_gateway_knows_yet_is_waited_for(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = cluster.gateways
    await cluster.pod("old", other)
    new = await cluster.pod("old", one)
    assert await cluster.call(one, "s") == new
    finding = other.referee.find

    async def then_seen(session: str) -> Home | None:
        home = await finding(session)
        asyncio.get_running_loop().call_later(0.01, cluster.list, other, new)
        return home

    monkeypatch.setattr(other.referee, "find", then_seen)
    assert await cluster.call(other, "s") == new


async def test_who_has_not_heard_of_the_new_traffic_follows_who_has(cluster: Cluster) -> None:
    one, other = cluster.gateways
    await cluster.pod("old", one, other)
    new = await cluster.pod("new", one, other)
    await cluster.call(one, "s")
    cluster.now += agreed.LATE
    cluster.route(one, old=0, new=100)
    assert await cluster.call(one, "s") == new
    assert await cluster.call(other, "s") == new


async def moved_with_a_call_at_work(cluster: Cluster) -> tuple[str, str, asyncio.Task[str]]:
    """The old pod and the new one, and a session's call at the old one, sent by
    the first gateway; the second one has sent some too. The traffic is new."""
    one, other = cluster.gateways
    old = await cluster.pod("old", one, other)
    new = await cluster.pod("new", one, other)
    place = cluster.pods[old]
    place.answers = [place.hold, skill(old)]
    at_work = asyncio.create_task(cluster.call(one, "s"))
    while not place.asked:
        await asyncio.sleep(0)
    assert await cluster.call(other, "s") == old
    cluster.now += agreed.LATE
    cluster.route(old=0, new=100)
    return old, new, at_work


async def end(cluster: Cluster, call: asyncio.Task[str]) -> None:
    call.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await call


async def test_a_session_stays_at_its_revision_for_a_call_at_another_gateway(
    cluster: Cluster,
) -> None:
    one, other = cluster.gateways
    old, new, at_work = await moved_with_a_call_at_work(cluster)
    assert await cluster.call(other, "s") == old, "the other has not had the time to say so"
    for _ in range(5):
        cluster.now += LOOK
        await one.look()
        assert await cluster.call(other, "s") == old
    await end(cluster, at_work)
    cluster.now += HOLD
    await one.look()
    assert await cluster.call(other, "s") == new
    assert await cluster.call(one, "s") == new


async def test_a_call_at_another_gateway_keeps_a_session_for_half_a_minute(
    cluster: Cluster,
) -> None:
    one, other = cluster.gateways
    old, new, at_work = await moved_with_a_call_at_work(cluster)
    assert await cluster.call(other, "s") == old
    cluster.now += DRAIN
    await one.look()
    assert await cluster.call(other, "s") == new
    await end(cluster, at_work)


async def test_a_session_that_no_other_gateway_has_used_moves_with_the_traffic(
    cluster: Cluster,
) -> None:
    one, _ = cluster.gateways
    old = await cluster.pod("old", *cluster.gateways)
    new = await cluster.pod("new", *cluster.gateways)
    assert await cluster.call(one, "s") == old
    cluster.route(old=0, new=100)
    assert await cluster.call(one, "s") == new


async def test_a_revision_that_has_its_traffic_back_and_loses_it_is_not_forgotten_sooner(
    cluster: Cluster,
) -> None:
    _, other = cluster.gateways
    old, _, at_work = await moved_with_a_call_at_work(cluster)
    assert await cluster.call(other, "s") == old
    cluster.route(old=100)
    await other.look()
    cluster.now += DRAIN
    cluster.route(old=0, new=100)
    assert await cluster.call(other, "s") == old
    await end(cluster, at_work)


async def test_a_session_that_was_idle_is_a_new_one_at_every_gateway(cluster: Cluster) -> None:
    one, other = cluster.gateways
    first = await cluster.pod("old", one, other)
    assert await cluster.call(one, "s") == first
    cluster.route(old=50, new=50)
    for _ in range(4):
        cluster.now += cluster.idle * 0.9
        assert await cluster.call(other, "s") == first
    cluster.now += cluster.idle * 2
    await cluster.pod("new", one, other)
    assert await cluster.call(one, "s") == await cluster.call(other, "s")


async def test_a_pod_has_no_more_sessions_than_it_may_of_all_gateways(cluster: Cluster) -> None:
    cluster.revision("old", most=3)
    pod = await cluster.pod("old", *cluster.gateways)
    for number in range(8):
        cluster.now += 10
        await cluster.call(cluster.gateways[number % 2], str(number))
    for each in cluster.gateways:
        await each.look()
        assert each.referee.count("catnap-acme/echo", pod) == 3


async def test_a_session_that_another_gateways_session_has_displaced_goes_elsewhere(
    cluster: Cluster,
) -> None:
    one, other = cluster.gateways
    cluster.revision("old", most=1)
    first = await cluster.pod("old", one, other)
    assert await cluster.call(one, "s") == await cluster.call(other, "t") == first
    second = await cluster.pod("old", one, other)
    await one.look()
    assert await cluster.call(one, "s") == second
    assert await cluster.call(one, "t") == first


async def test_calls_that_name_a_revision_meet_there_and_move_no_session(cluster: Cluster) -> None:
    for revision in ("old", "old", "new", "new", "new"):
        await cluster.pod(revision, *cluster.gateways)
    home = await cluster.call(cluster.gateways[0], "s")
    calls = (cluster.call(cluster.gateways[n % 2], "s", "new") for n in range(20))
    [aside] = set(await asyncio.gather(*calls))
    assert aside.startswith("new")
    assert {await cluster.call(each, "s") for each in cluster.gateways} == {home}


async def test_while_the_store_is_away_a_session_goes_on_where_it_is(
    cluster: Cluster, stores: list[Store]
) -> None:
    one, _ = cluster.gateways
    for _ in range(3):
        await cluster.pod("old", *cluster.gateways)
    home = await cluster.call(one, "s")
    for store in stores:
        store.close()
    assert await cluster.call(one, "s") == home
    with pytest.raises(Unavailable):
        await cluster.call(one, "new")
    assert await cluster.call(one, ""), "a call of no session asks nobody"


async def test_a_call_that_may_not_be_sent_holds_no_place(
    cluster: Cluster, stores: list[Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.revision("old", concurrency=1)
    pod = await cluster.pod("old", *cluster.gateways)
    one, _ = cluster.gateways
    finding = one.referee.find

    async def then_away(session: str) -> Home | None:
        home = await finding(session)
        stores[0].close()
        return home

    monkeypatch.setattr(one.referee, "find", then_away)
    with pytest.raises(Unavailable):
        await cluster.call(one, "s")
    assert await cluster.call(one, "") == pod


# --- nested calls -------------------------------------------------------------------


@dataclass
class Queue:
    """A pod's queue-proxy with one place. done: lets go the call that has it."""

    pod: str
    done: asyncio.Event = field(default_factory=asyncio.Event)
    begun: int = 0
    _place: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def answer(self, request: Request) -> Response:
        async with self._place:
            await request.body.read()
            self.begun += 1
            await self.done.wait()
        return skill(self.pod)


async def full(cluster: Cluster, *, by: Gateway) -> tuple[Queue, asyncio.Task[str]]:
    """A pod with one place, which a call of that gateway has."""
    pod = await cluster.pod("old")
    queue = Queue(pod)
    cluster.pods[pod].answers = [queue.answer]
    cluster.list(by, pod)
    held = asyncio.create_task(cluster.call(by))
    while not queue.begun:
        await asyncio.sleep(0)
    return queue, held


async def test_trees_of_calls_at_two_gateways_do_not_wait_for_each_other_for_ever(
    cluster: Cluster,
) -> None:
    """Each holds the place that the other one's nested call is queued for."""
    one, other = cluster.gateways
    cluster.revision("old", concurrency=1)
    places = [await full(cluster, by=each) for each in cluster.gateways]
    for each, (queue, _) in zip((other, one), places, strict=True):
        cluster.list(each, queue.pod)
    nested = (cluster.call(each, nested=True) for each in cluster.gateways)
    for ended in await asyncio.gather(*nested, return_exceptions=True):
        assert isinstance(ended, ResourceExhausted)
    for queue, held in places:
        queue.done.set()
        assert await held == queue.pod
        assert queue.begun == 1
    assert await cluster.call(one, nested=True) in cluster.pods


async def test_a_nested_call_that_is_queued_goes_where_there_is_room(cluster: Cluster) -> None:
    one, other = cluster.gateways
    cluster.revision("old", concurrency=1)
    queue, held = await full(cluster, by=other)
    cluster.list(one, queue.pod)
    nested = asyncio.create_task(cluster.call(one, nested=True))
    while len(cluster.pods[queue.pod].asked) < 2:
        await asyncio.sleep(0)
    assert await cluster.pod("old", one) == await nested
    queue.done.set()
    assert await held == queue.pod


async def test_a_nested_call_that_is_queued_may_have_its_turn(cluster: Cluster) -> None:
    one, other = cluster.gateways
    cluster.revision("old", concurrency=1)
    queue, held = await full(cluster, by=other)
    cluster.list(one, queue.pod)
    nested = asyncio.create_task(cluster.call(one, nested=True))
    while len(cluster.pods[queue.pod].asked) < 2:
        await asyncio.sleep(0)
    queue.done.set()
    assert await nested == await held == queue.pod
    assert queue.begun == 2


# --- any order of it ----------------------------------------------------------------

SESSIONS = st.sampled_from("abc")
GATEWAYS = st.integers(0, 1)


class Machine(RuleBasedStateMachine):
    """Pods come and go, each gateway sees that when it does, and sessions call
    at both. home: what has answered a session last."""

    def __init__(self, api: Api, stores: list[Store]) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._api, self._stores = api, stores
        self.home: dict[str, str] = {}

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        # Longer than news is waited for.
        self.cluster.now += agreed.LATE
        return self._runner.run(work)

    @initialize(pods=st.integers(0, 3))
    def begin(self, pods: int) -> None:
        self.cluster = Cluster(f"echo{next(_names)}")
        self.run(self.cluster.start(self._api, self._stores))
        for _ in range(pods):
            self.run(self.cluster.pod("old", *self.cluster.gateways))

    @rule(revision=st.sampled_from(["old", "new"]), seen=st.sets(GATEWAYS))
    def a_pod_starts(self, revision: str, seen: set[int]) -> None:
        self.run(self.cluster.pod(revision, *(self.cluster.gateways[each] for each in seen)))

    @precondition(lambda self: self.cluster.pods)
    @rule(gateway=GATEWAYS, data=st.data())
    def a_gateway_sees_a_pod_come_or_go(self, gateway: int, data: st.DataObject) -> None:
        pod, one = (
            data.draw(st.sampled_from(sorted(self.cluster.pods))),
            self.cluster.gateways[gateway],
        )
        (self.cluster.unlist if pod in one.listed else self.cluster.list)(one, pod)

    @rule(old=st.sampled_from([0, 50, 100]))
    def traffic_moves(self, old: int) -> None:
        self.cluster.route(old=old, new=100 - old)

    @rule(seconds=st.sampled_from([5.0, 40.0, 300.0]))
    def time_passes(self, seconds: float) -> None:
        self.cluster.now += seconds
        if seconds > self.cluster.idle:
            self.home.clear()

    @rule(gateway=GATEWAYS, session=SESSIONS)
    def a_call(self, gateway: int, session: str) -> None:
        self.a_call_at(self.cluster.gateways[gateway], session)

    def a_call_at(self, gateway: Gateway, session: str) -> None:
        home = self.stable_home(session)
        at = self.run(self.cluster.call(gateway, session))
        assert home in ("", at)
        self.home[session] = at

    @rule(session=SESSIONS, calls=st.integers(2, 6))
    def calls_at_both(self, session: str, calls: int) -> None:
        async def all_of_them() -> list[str]:
            gateways = self.cluster.gateways
            some = (self.cluster.call(gateways[n % 2], session) for n in range(calls))
            return await asyncio.gather(*some)

        home = self.stable_home(session)
        at = set(self.run(all_of_them()))
        if home:
            assert at == {home}
        for each in self.cluster.gateways:
            self.a_call_at(each, session)

    def stable_home(self, session: str) -> str:
        """Where its calls have to go; empty where that may change."""
        home = self.home.get(session, "")
        revision = home.partition("-")[0]
        splits = self.cluster.gateways[0].table.splits("catnap-acme", self.cluster.service)
        served = any(each.revision == revision and each.percent for each in splits)
        seen = all(home in each.listed for each in self.cluster.gateways)
        return home if served and seen else ""

    def teardown(self) -> None:
        if hasattr(self, "cluster"):
            self.run(self.cluster.close())
        self._runner.close()


def test_gateways_send_a_sessions_calls_to_one_pod_while_both_see_it(
    api: Api, stores: list[Store]
) -> None:
    run_state_machine_as_test(
        lambda: Machine(api, stores),
        settings=settings(
            max_examples=60,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
