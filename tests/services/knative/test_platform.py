"""A call's way to a pod: straight where one has room, else by the activator."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from catnap.errors import (
    CatnapError,
    DeadlineExceeded,
    NotFound,
    ResourceExhausted,
    SkillCrashed,
    Unavailable,
)
from catnap.http import Request, Response, Target
from catnap.services.knative import faults, reasons
from catnap.services.knative.platform import KnativePlatform
from catnap.services.knative.routing import Table
from catnap.services.platform import Delivery, Route
from tests.services.knative.apiserver import Answer, ApiServer, running, status
from tests.services.knative.objects import ingress, path, rule, split
from tests.services.knative.serving import Answer as Played
from tests.services.knative.serving import Place, knative, skill

ROUTE = Route("acme", "echo")
DEPLOYMENTS = "/apis/apps/v1/namespaces/catnap-acme/deployments"
PODS = "/api/v1/namespaces/catnap-acme/pods"
HOST = "echo.catnap-acme.svc.cluster.local"
REFUSED = knative(502, "dial tcp 127.0.0.1:8080: connect: connection refused")


@dataclass
class Cluster:
    """One activator, pods by name, and the platform that is told of them."""

    platform: KnativePlatform
    activator: Place
    places: dict[str, Place]
    table: Table
    now: float = 1000.0

    def route(self, **shares: int) -> None:
        """The traffic of the service, by revision."""
        splits = [split(name, percent, "catnap-acme") for name, percent in shares.items()]
        self.table = Table.of(
            [ingress(rule(HOST, paths=[path(*splits)]), namespace="catnap-acme", name="echo")]
        )

    async def pod(self, name: str, *answers: Played | Response, concurrency: int = 0) -> Place:
        """A pod of `old` or `new`, by how its name begins."""
        place = self.places[name] = Place(list(answers) or [skill(name)])
        await place.start()
        meta = self.revision(name.partition("-")[0], concurrency)
        self.tell(name, place.target, meta)
        return place

    def revision(self, name: str, concurrency: int = 0) -> dict[str, Any]:
        """One that is known; gives what its objects say of it."""
        labels = {"serving.knative.dev/service": "echo", "serving.knative.dev/revision": name}
        meta = {"namespace": "catnap-acme", "name": name, "labels": labels}
        told = {"metadata": meta, "spec": {"containerConcurrency": concurrency}}
        for take in (self.platform.fleet.take_revisions, self.platform.objects.take_revisions):
            take({("catnap-acme", name): told})
        return meta

    def tell(self, name: str, target: Target, meta: dict[str, Any]) -> None:
        endpoint = {"addresses": [target.host], "targetRef": {"kind": "Pod", "name": name}}
        ports = [{"name": "http", "port": target.port}]
        told = {"metadata": {**meta, "name": name}, "endpoints": [endpoint], "ports": ports}
        self.platform.fleet.take_slices({("catnap-acme", name): told})

    async def call(self, route: Route = ROUTE) -> Delivery:
        async with self.platform.deliver(route, [(b"ce-id", b"1")], b"{}") as delivery:
            await delivery.reply.read()
        return delivery


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    with running(tmp_path) as told:
        yield told


@pytest.fixture
async def cluster(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    monkeypatch.setattr(faults, "EVERY", 0.0)
    monkeypatch.setattr(faults, "LOOKS", (0.0,))
    activator = Place([skill("old-cold")])
    await activator.start()
    made: Cluster
    platform = KnativePlatform(
        server.api(),
        lambda tenant: f"catnap-{tenant}",
        lambda: made.table,
        [("acme", "echo")],
        activator=activator.target,
        pause=0.0,
        clock=lambda: made.now,
    )
    made = Cluster(platform, activator, {}, Table(()))
    made.route(old=100)
    yield made
    await platform.close()
    for place in (activator, *made.places.values()):
        await place.server.drain(0)


# --- the way ---------------------------------------------------------------------


async def test_a_call_goes_straight_to_a_pod_that_has_room(cluster: Cluster) -> None:
    pod = await cluster.pod("old-a")
    delivery = await cluster.call()
    assert (delivery.instance, delivery.reply.status) == ("old-a", 200)
    [asked] = pod.asked
    assert (asked.method, asked.target, await asked.body.read()) == ("POST", "/", b"{}")
    assert asked.headers[b"host"] == HOST.encode()
    assert asked.headers[b"ce-id"] == b"1"
    assert cluster.activator.asked == []


async def test_at_zero_the_activator_is_told_which_revision_is_meant(cluster: Cluster) -> None:
    delivery = await cluster.call()
    assert delivery.instance == "old-cold"
    [asked] = cluster.activator.asked
    assert asked.headers[b"knative-serving-namespace"] == b"catnap-acme"
    assert asked.headers[b"knative-serving-revision"] == b"old"


async def test_what_pods_have_no_room_for_waits_at_the_activator(cluster: Cluster) -> None:
    pod = await cluster.pod("old-a", concurrency=1)
    pod.answers = [pod.hold]
    held = asyncio.create_task(cluster.call())
    while not pod.asked:
        await asyncio.sleep(0)
    assert (await cluster.call()).instance == "old-cold"
    held.cancel()
    await pod.left.wait()
    pod.answers = [skill("old-a")]
    assert (await cluster.call()).instance == "old-a"
    assert len(cluster.activator.asked) == 1


async def test_a_nested_call_does_not_queue_where_its_caller_may_be(cluster: Cluster) -> None:
    pod = await cluster.pod("old-a", concurrency=1)
    pod.answers = [pod.hold]
    held = asyncio.create_task(cluster.call())
    while not pod.asked:
        await asyncio.sleep(0)
    nested = asyncio.create_task(cluster.call(replace(ROUTE, nested=True)))
    await asyncio.sleep(0)
    await cluster.pod("old-b", concurrency=1)
    assert (await nested).instance == "old-b"
    held.cancel()
    await pod.left.wait()
    assert cluster.activator.asked == []


async def test_a_place_is_held_until_a_streamed_answer_ends(cluster: Cluster) -> None:
    more = asyncio.Event()

    async def stream(request: Request) -> Response:
        async def parts() -> AsyncIterator[bytes]:
            yield b"1"
            await more.wait()
            yield b"2"

        return Response(200, [(b"catnap-instance", b"old-a")], parts())

    await cluster.pod("old-a", stream, concurrency=1)
    async with cluster.platform.deliver(ROUTE, [], b"") as delivery:
        parts = aiter(delivery.reply.body)
        assert await anext(parts) == b"1"
        assert (await cluster.call()).instance == "old-cold"
        more.set()
        assert await anext(parts) == b"2"
    assert (await cluster.call()).instance == "old-a"


async def test_a_session_stays_with_its_pod_and_with_its_revision(cluster: Cluster) -> None:
    cluster.route(old=50, new=50)
    for name in ("old-a", "old-b", "new-a", "new-b"):
        await cluster.pod(name)
    for session in "abcd":
        route = Route("acme", "echo", session=session)
        instances = {(await cluster.call(route)).instance for _ in range(10)}
        assert len(instances) == 1


async def test_a_session_that_woke_a_revision_stays_with_the_pod_it_woke(cluster: Cluster) -> None:
    route = Route("acme", "echo", session="s")

    async def wake(request: Request) -> Response:
        for name in ("old-a", "old-b", "old-c"):
            await cluster.pod(name)
        return skill("old-b")

    cluster.revision("old")
    cluster.activator.answers = [wake]
    assert (await cluster.call(route)).instance == "old-b"
    assert {(await cluster.call(route)).instance for _ in range(10)} == {"old-b"}


async def test_a_sessions_calls_wait_for_its_pod_and_a_nested_one_does_not(
    cluster: Cluster,
) -> None:
    route = Route("acme", "echo", session="s")
    for name in ("old-a", "old-b", "old-c"):
        await cluster.pod(name, concurrency=1)
    at = (await cluster.call(route)).instance
    first = cluster.places[at]
    first.answers = [first.hold, skill(at)]
    held = asyncio.create_task(cluster.call(route))
    while len(first.asked) < 2:
        await asyncio.sleep(0)
    assert (await cluster.call(route)).instance == at
    assert (await cluster.call(replace(route, nested=True))).instance != at
    assert (await cluster.call(route)).instance == at
    held.cancel()
    await first.left.wait()


async def test_concurrent_first_calls_of_a_session_wake_once_and_meet(cluster: Cluster) -> None:
    route = Route("acme", "echo", session="s")
    cluster.revision("old")
    go = asyncio.Event()

    async def wake(request: Request) -> Response:
        await go.wait()
        for name in ("old-a", "old-b", "old-c"):
            await cluster.pod(name)
        return skill("old-b")

    cluster.activator.answers = [wake]
    calls = [asyncio.create_task(cluster.call(route)) for _ in range(5)]
    while not cluster.activator.asked:
        await asyncio.sleep(0)
    go.set()
    instances = {(await call).instance for call in calls[1:]}
    assert len(cluster.activator.asked) == 1
    assert len(instances) == 1
    assert (await cluster.call(route)).instance in instances


async def test_a_sessions_calls_queue_where_its_first_is_thought_to_be(cluster: Cluster) -> None:
    route = Route("acme", "echo", session="s")
    cluster.revision("old")
    cluster.activator.answers = [cluster.activator.hold]
    first = asyncio.create_task(cluster.call(route))
    while not cluster.activator.asked:
        await asyncio.sleep(0)
    await cluster.pod("old-a", concurrency=1)
    await cluster.pod("old-b", concurrency=1)
    assert {(await cluster.call(route)).instance for _ in range(3)} == {"old-a"}
    assert len(cluster.activator.asked) == 1
    first.cancel()
    await cluster.activator.left.wait()


async def test_a_first_call_does_not_take_back_a_session_that_has_moved_on(
    cluster: Cluster,
) -> None:
    route = Route("acme", "echo", session="s")
    cluster.revision("old")
    await cluster.pod("new-a")
    go = asyncio.Event()

    async def wake(request: Request) -> Response:
        await go.wait()
        await cluster.pod("old-a")
        return skill("old-a")

    cluster.activator.answers = [wake]
    first = asyncio.create_task(cluster.call(route))
    while not cluster.activator.asked:
        await asyncio.sleep(0)
    cluster.route(new=100)
    assert (await cluster.call(route)).instance == "new-a"
    go.set()
    assert (await first).instance == "old-a"
    cluster.route(old=50, new=50)
    assert (await cluster.call(route)).instance == "new-a"


async def test_who_waits_for_a_first_call_that_fails_goes_its_own_way(cluster: Cluster) -> None:
    route = Route("acme", "echo", session="s")
    cluster.revision("old")
    cluster.activator.answers = [cluster.activator.hold, skill("old-cold")]
    first = asyncio.create_task(cluster.call(route))
    while not cluster.activator.asked:
        await asyncio.sleep(0)
    second = asyncio.create_task(cluster.call(route))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).instance == "old-cold"


async def test_a_session_whose_revision_gets_no_more_traffic_leaves_when_its_calls_have_ended(
    cluster: Cluster,
) -> None:
    route = Route("acme", "echo", session="s")
    pod = await cluster.pod("old-a")
    await cluster.pod("new-a")
    pod.answers = [pod.hold, skill("old-a")]
    held = asyncio.create_task(cluster.call(route))
    while not pod.asked:
        await asyncio.sleep(0)
    cluster.route(old=0, new=100)
    assert (await cluster.call(route)).instance == "old-a"
    assert (await cluster.call()).instance == "new-a"
    held.cancel()
    await pod.left.wait()
    while not held.done():
        await asyncio.sleep(0)
    assert (await cluster.call(route)).instance == "new-a"


async def test_calls_that_overlap_for_ever_keep_a_session_for_half_a_minute(
    cluster: Cluster,
) -> None:
    route = Route("acme", "echo", session="s")
    pod = await cluster.pod("old-a")
    await cluster.pod("new-a")
    pod.answers = [pod.hold, skill("old-a")]
    held = asyncio.create_task(cluster.call(route))
    while not pod.asked:
        await asyncio.sleep(0)
    cluster.route(new=100)
    for _ in range(3):
        assert (await cluster.call(route)).instance == "old-a"
        cluster.now += 14
    assert (await cluster.call(route)).instance == "new-a"
    held.cancel()
    await pod.left.wait()


async def test_a_lost_pod_costs_the_session_nothing_but_its_warmth(cluster: Cluster) -> None:
    route = Route("acme", "echo", session="s")
    cluster.route(old=50, new=50)
    for name in ("old-a", "old-b", "new-a", "new-b"):
        await cluster.pod(name)
    before = (await cluster.call(route)).instance
    cluster.platform.fleet.take_slices({("catnap-acme", before): None})
    after = {(await cluster.call(route)).instance for _ in range(5)}
    [other] = after - {before}
    assert after == {other}
    assert other.partition("-")[0] == before.partition("-")[0]


async def test_new_sessions_spread_over_the_pods_and_are_counted(cluster: Cluster) -> None:
    for name in ("old-a", "old-b"):
        await cluster.pod(name)
    for number in range(8):
        await cluster.call(Route("acme", "echo", session=str(number)))
    [service] = cluster.platform.snapshot()
    [revision] = service.revisions
    assert sum(each.sessions for each in revision.instances) == 8
    assert max(each.sessions for each in revision.instances) <= 5


async def test_a_revision_that_is_named_is_the_one(cluster: Cluster) -> None:
    await cluster.pod("old-a")
    await cluster.pod("new-a")
    assert (await cluster.call(Route("acme", "echo", revision="new"))).instance == "new-a"


async def test_a_service_that_no_traffic_goes_to_is_not_found(cluster: Cluster) -> None:
    with pytest.raises(NotFound, match="'other'"):
        await cluster.call(Route("acme", "other"))


async def test_ready_pods_are_counted_over_all_revisions(cluster: Cluster) -> None:
    cluster.route(old=20, new=80)
    await cluster.pod("old-a")
    await cluster.pod("new-a")
    await cluster.pod("new-b")
    [status] = cluster.platform.status()
    assert (status.namespace, status.service) == ("acme", "echo")
    assert (status.revision, status.instances) == ("new", 3)


SERVICES = "/apis/serving.knative.dev/v1/namespaces/catnap-acme/services"
OBJECT = {
    "apiVersion": "serving.knative.dev/v1",
    "kind": "Service",
    "metadata": {"name": "echo", "namespace": "acme"},
}


def taken_up(observed: int, revision: str) -> Answer:
    status = {"observedGeneration": observed, "latestCreatedRevisionName": revision}
    return Answer(body={"metadata": {"generation": 2}, "status": status})


async def test_an_applied_service_is_in_its_tenants_namespace_and_has_a_new_revision(
    cluster: Cluster, server: ApiServer
) -> None:
    kinds = [{"name": "services", "kind": "Service", "namespaced": True}]
    server.answer("/apis/serving.knative.dev/v1", Answer(body={"resources": kinds}))
    server.answer(f"{SERVICES}/echo", taken_up(1, "echo-00001"), taken_up(2, "echo-00002"))
    assert await cluster.platform.apply(OBJECT) == "echo-00002"
    sent = next(each for each in server.asked if each.method == "PATCH")
    assert sent.body["metadata"] == {"name": "echo", "namespace": "catnap-acme"}


async def test_a_service_that_knative_does_nothing_with_is_said(
    cluster: Cluster, server: ApiServer
) -> None:
    kinds = [{"name": "services", "kind": "Service", "namespaced": True}]
    server.answer("/apis/serving.knative.dev/v1", Answer(body={"resources": kinds}))
    server.answer(f"{SERVICES}/echo", taken_up(1, "echo-00001"))
    with pytest.raises(Unavailable, match="controller"):
        await cluster.platform.apply(OBJECT)


async def test_a_deleted_service_is_deleted_where_its_tenant_is(
    cluster: Cluster, server: ApiServer
) -> None:
    server.answer(f"{SERVICES}/echo", Answer(body={}))
    await cluster.platform.delete("acme", "echo")
    with pytest.raises(NotFound):
        await cluster.platform.delete("other", "echo")


# --- where the time went -------------------------------------------------------------


async def test_a_call_that_waited_for_a_start_is_told_its_parts(cluster: Cluster) -> None:
    async def wake(request: Request) -> Response:
        await asyncio.sleep(0.05)
        ready = f"{time.time():.6f};import=10.0;init=5.0"
        return skill("old-a", catnap_ready=ready, server_timing="queue;dur=1, handle;dur=2")

    cluster.activator.answers = [wake]
    parts = (await cluster.call()).timings
    assert list(parts) == ["queue", "start", "import", "init"]
    assert (parts["import"], parts["init"]) == (10.0, 5.0)
    assert parts["start"] >= 30.0


async def test_a_call_that_waited_for_none_has_queued_only(cluster: Cluster) -> None:
    ready = f"{time.time() - 60:.6f};import=10.0;init=5.0"
    cluster.activator.answers = [skill("old-a", catnap_ready=ready)]
    assert list((await cluster.call()).timings) == ["queue"]


# --- what goes wrong ------------------------------------------------------------------


async def test_a_pod_that_has_just_gone_costs_its_call_nothing(cluster: Cluster) -> None:
    pod = await cluster.pod("old-a")
    await pod.server.drain(0)
    assert (await cluster.call()).instance == "old-cold"
    assert (await cluster.call()).instance == "old-cold"
    assert len(cluster.activator.asked) == 2


async def test_a_call_that_its_skill_has_not_seen_is_sent_again(cluster: Cluster) -> None:
    pod = await cluster.pod("old-a", REFUSED)
    cluster.activator.answers = [REFUSED, skill("old-b")]
    assert (await cluster.call()).instance == "old-b"
    assert (len(pod.asked), len(cluster.activator.asked)) == (1, 2)


async def test_it_is_not_sent_for_ever(cluster: Cluster) -> None:
    cluster.activator.answers = [REFUSED]
    with pytest.raises(Unavailable, match="connection refused"):
        await cluster.call()
    assert len(cluster.activator.asked) == 3


async def test_without_an_activator_a_skill_at_zero_is_unavailable(cluster: Cluster) -> None:
    await cluster.activator.server.drain(0)
    with pytest.raises(Unavailable, match="cannot connect"):
        await cluster.call()


@pytest.mark.parametrize("answer", ["lost", knative(502, "EOF")])
async def test_a_call_that_its_skill_may_have_seen_is_made_once(
    cluster: Cluster, answer: Response | str
) -> None:
    pod = await cluster.pod("old-a")
    pod.answers = [pod.hang_up if isinstance(answer, str) else answer]
    with pytest.raises(SkillCrashed, match="while it handled the call"):
        await cluster.call()
    assert (len(pod.asked), len(cluster.activator.asked)) == (1, 0)
    pod.answers = [skill("old-a")]
    assert (await cluster.call()).instance == "old-a"


async def test_an_answer_that_breaks_off_is_a_crash(cluster: Cluster) -> None:
    pod = await cluster.pod("old-a")

    async def stream(request: Request) -> Response:
        async def parts() -> AsyncIterator[bytes]:
            yield b"1"
            await pod.hang_up(request)

        return Response(200, [(b"catnap-instance", b"old-a")], parts())

    pod.answers = [stream]
    with pytest.raises(SkillCrashed, match="old-a ended while"):
        await cluster.call()


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (504, "activator request timeout", DeadlineExceeded),
        (503, "pending request queue full", ResourceExhausted),
        (500, "", Unavailable),
    ],
)
async def test_what_knative_answers_is_raised(
    cluster: Cluster, status: int, text: str, kind: type[CatnapError]
) -> None:
    cluster.activator.answers = [knative(status, text)]
    with pytest.raises(kind):
        await cluster.call()


async def test_what_a_skill_answers_is_a_reply_whatever_its_status(cluster: Cluster) -> None:
    refusal = Response(503, [(b"catnap-instance", b"old-a")], b"not today")
    await cluster.pod("old-a", refusal)
    assert (await cluster.call()).reply.status == 503


async def test_a_caller_who_leaves_closes_the_connection(cluster: Cluster) -> None:
    pod = await cluster.pod("old-a")
    pod.answers = [pod.hold]
    call = asyncio.create_task(cluster.call())
    while not pod.asked:
        await asyncio.sleep(0)
    call.cancel()
    await pod.left.wait()
    with pytest.raises(asyncio.CancelledError):
        await call


# --- what a pod's status tells ---------------------------------------------------------


def a_pod(ready: bool = False, **state: Any) -> dict[str, Any]:
    container = {"name": "user-container", "ready": ready, "image": "i", **state}
    spec = {"containers": [{"name": "user-container", "image": "i"}]}
    return {
        "metadata": {"name": "old-a"},
        "spec": spec,
        "status": {"containerStatuses": [container]},
    }


def ended(code: int, message: str, at: float, reason: str = "Error") -> dict[str, Any]:
    moment = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    said = {"exitCode": code, "message": message, "reason": reason}
    said |= {"startedAt": moment, "finishedAt": moment}
    return {"terminated": said}


async def test_a_call_whose_pod_cannot_start_is_told_why_at_once(
    cluster: Cluster, server: ApiServer
) -> None:
    last = ended(1, "catnap host: cannot load /skill: main.py line 1: no", time.time())
    server.answer(PODS, Answer(body={"items": [a_pod(lastState=last)]}))
    cluster.activator.answers = [cluster.activator.hold]
    with pytest.raises(SkillCrashed, match=r"old cannot start: .* line 1: no"):
        await cluster.call()
    await cluster.activator.left.wait()


async def test_an_image_that_cannot_be_had_is_told_and_not_waited_for(
    cluster: Cluster, server: ApiServer
) -> None:
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}
    server.answer(PODS, Answer(body={"items": [a_pod(state=waiting)]}))
    cluster.activator.answers = [cluster.activator.hold]
    with pytest.raises(Unavailable, match="cannot be pulled"):
        await cluster.call()
    assert len(cluster.activator.asked) <= 1


async def test_a_quota_that_is_full_is_told_and_not_waited_for(
    cluster: Cluster, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reasons, "_SOON", 0.0)
    said = "pods is forbidden: exceeded quota: tenant, used: pods=100, limited: pods=100"
    failure = {"type": "ReplicaFailure", "status": "True", "message": said}
    server.answer(PODS, Answer(body={"items": []}))
    server.answer(DEPLOYMENTS, Answer(body={"items": [{"status": {"conditions": [failure]}}]}))
    cluster.activator.answers = [cluster.activator.hold]
    with pytest.raises(ResourceExhausted, match="limited: pods=100"):
        await cluster.call()


async def test_a_pod_that_starts_is_waited_for(cluster: Cluster, server: ApiServer) -> None:
    starting = {"waiting": {"reason": "ContainerCreating"}}
    server.answer(PODS, Answer(body={"items": [a_pod(state=starting)]}))

    async def slowly(request: Request) -> Response:
        while len(server.asked) < 3:
            await asyncio.sleep(0.001)
        return skill("old-a")

    cluster.activator.answers = [slowly]
    assert (await cluster.call()).instance == "old-a"


async def test_a_crash_says_how_the_process_ended_even_if_it_is_back(
    cluster: Cluster, server: ApiServer
) -> None:
    killed = ended(137, "", time.time(), "OOMKilled")
    server.answer(PODS, Answer(body={"items": [a_pod(ready=True, lastState=killed)]}))
    await cluster.pod("old-a", knative(502, "EOF"))
    with pytest.raises(SkillCrashed, match=r"old-a ended .*: killed: .* memory limit"):
        await cluster.call()


async def test_an_end_of_before_the_call_does_not_explain_it(
    cluster: Cluster, server: ApiServer
) -> None:
    killed = ended(137, "", time.time() - 60, "OOMKilled")
    server.answer(PODS, Answer(body={"items": [a_pod(ready=True, lastState=killed)]}))
    await cluster.pod("old-a", knative(502, "EOF"))
    with pytest.raises(SkillCrashed, match="ended while it handled the call: EOF"):
        await cluster.call()


async def test_without_the_right_to_read_pods_a_crash_is_a_crash_all_the_same(
    cluster: Cluster, server: ApiServer
) -> None:
    server.answer(PODS, Answer(403, status(403, "Forbidden", "may not list pods")))
    await cluster.pod("old-a", knative(502, "EOF"))
    with pytest.raises(SkillCrashed, match="EOF"):
        await cluster.call()
