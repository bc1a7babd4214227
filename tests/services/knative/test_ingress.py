"""The controller of Ingress objects, against a server that plays the API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from catnap.errors import PermissionDenied
from catnap.services.knative import kingress
from catnap.services.knative.conditions import status as status_of
from catnap.services.knative.ingress import NAMESPACES, Ingresses
from catnap.services.knative.owners import Plain, Skill
from tests.services.knative.apiserver import Answer, ApiServer, running, status
from tests.services.knative.objects import route, split

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
CART = f"{kingress.PATH.rpartition('/')[0]}/namespaces/shop/ingresses/cart"
HOST = "cart.shop.svc.cluster.local"
SERVICE = {"catnap.dev/install": "catnap", "serving.knative.dev/service": "cart"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    with running(tmp_path) as told:
        told.answer(f"{CART}/status", Answer(body={}))
        yield told


def there_is(
    server: ApiServer,
    *ingresses: dict[str, Any],
    namespaces: tuple[dict[str, Any], ...] = (),
    later: bytes = b"",
    later_namespace: bytes = b"",
) -> None:
    """later: a change that is told once the first table is made of the rest."""
    for path, objects, event in (
        (kingress.PATH, ingresses, later),
        (NAMESPACES, namespaces or (namespace("shop"),), later_namespace),
    ):
        body = {"apiVersion": "v1", "kind": "ThingList", "items": list(objects)}
        server.answer(path, Answer(body={**body, "metadata": {"resourceVersion": "1"}}))
        events = (event,) if event else ()
        server.answer(f"{path}?watch", Answer(events=events, then="hold"))


def namespace(name: str, install: str = "", tenant: str = "", version: str = "1") -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "resourceVersion": version,
            "labels": {"catnap.dev/install": install} if install else {},
            "annotations": {"catnap.dev/tenant": tenant} if tenant else {},
        }
    }


def changed(kind: str, document: dict[str, Any], version: str) -> bytes:
    metadata = {**document["metadata"], "resourceVersion": version}
    return json.dumps({"type": kind, "object": {**document, "metadata": metadata}}).encode() + b"\n"


@asynccontextmanager
async def started(server: ApiServer, install: str = "catnap") -> AsyncIterator[Ingresses]:
    ingresses = Ingresses(server.api(), install, lambda: NOON, retry=0.001)
    await ingresses.start()
    try:
        yield ingresses
    finally:
        await ingresses.close()


def written(server: ApiServer) -> list[Any]:
    """What objects were told, in order."""
    return [each.body["status"] for each in server.asked if each.method == "PATCH"]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


def ready(told: Any) -> Any:
    return next(each for each in told["conditions"] if each["type"] == "Ready")


async def test_what_there_is_is_served_and_then_marked_ready(server: ApiServer) -> None:
    there_is(server, route())
    async with started(server) as ingresses:
        host = ingresses.table.find(HOST)
        assert host
        assert ingresses.owner(host.ingress) == Plain()
        await until(lambda: written(server))
    [told] = written(server)
    assert told == status_of(
        route(), None, "catnap-gateway.catnap.svc.cluster.local", "2026-11-21T12:00:00Z"
    )
    assert [each.path for each in server.asked if each.method == "PATCH"] == [f"{CART}/status"]


async def test_what_is_marked_already_is_not_written_again(server: ApiServer) -> None:
    document = route()
    gateway = "catnap-gateway.catnap.svc.cluster.local"
    document["status"] = status_of(document, None, gateway, "2026-01-01T00:00:00Z")
    other = route(name="other")
    there_is(server, document, other)
    async with started(server):
        await until(lambda: written(server))
    [asked] = [each for each in server.asked if each.method == "PATCH"]
    assert asked.path.endswith("/ingresses/other/status")


async def test_a_change_is_served_and_marked_with_its_generation(server: ApiServer) -> None:
    newer = route(split("cart-00002"))
    newer["metadata"]["generation"] = 2
    there_is(server, route(), later=changed("MODIFIED", newer, "2"))
    async with started(server) as ingresses:
        await until(lambda: any(told["observedGeneration"] == 2 for told in written(server)))
        [only] = ingresses.table.splits("shop", "cart")
    assert only.revision == "cart-00002"


async def test_what_is_deleted_is_served_no_more(server: ApiServer) -> None:
    there_is(server, route(), later=changed("DELETED", route(), "2"))
    async with started(server) as ingresses:
        await until(lambda: ingresses.table.find(HOST) is None)


async def test_another_class_is_never_written_to_and_its_split_is_known(server: ApiServer) -> None:
    foreign = route(name="foreign", kind="kourier.ingress.networking.knative.dev")
    there_is(server, foreign, route())
    async with started(server) as ingresses:
        await until(lambda: written(server))
        assert ingresses.table.splits("shop", "foreign")
        assert ingresses.table.find("foreign.shop") is None
    assert {each.path for each in server.asked if each.method == "PATCH"} == {f"{CART}/status"}


async def test_another_installs_namespaces_are_left_alone(server: ApiServer) -> None:
    theirs = route(name="theirs", namespace="den")
    there_is(server, theirs, route(), namespaces=(namespace("shop"), namespace("den", "other")))
    async with started(server) as ingresses:
        await until(lambda: written(server))
        assert ingresses.table.find("theirs.den") is None
    assert {each.path for each in server.asked if each.method == "PATCH"} == {f"{CART}/status"}


async def test_a_tenants_service_becomes_a_skill_when_its_namespace_is_told(
    server: ApiServer,
) -> None:
    there_is(
        server,
        route(labels=SERVICE),
        namespaces=(namespace("den"),),
        later_namespace=changed("ADDED", namespace("shop", "catnap", "acme"), "2"),
    )
    async with started(server) as ingresses:
        await until(lambda: ingresses.table.find(HOST))
        host = ingresses.table.find(HOST)
        assert host
        assert ingresses.owner(host.ingress) == Skill("acme", "cart")
        assert (ingresses.tenant_of("shop"), ingresses.tenant_of("den")) == ("acme", "")


async def test_what_cannot_be_served_says_why(server: ApiServer) -> None:
    there_is(server, route(), namespaces=(namespace("shop", "catnap", "acme"),))
    async with started(server) as ingresses:
        assert ingresses.table.find(HOST) is None
        await until(lambda: written(server))
    assert ready(written(server)[0])["reason"] == "NotASkill"


async def test_the_younger_of_two_with_one_host_says_whose_it_is(server: ApiServer) -> None:
    younger = route(name="younger", created="2026-11-22T00:00:00Z")
    younger["spec"]["rules"][0]["hosts"].append("cart.shop")
    path = CART.replace("cart", "younger")
    server.answer(f"{path}/status", Answer(body={}))
    there_is(server, younger, route())
    async with started(server) as ingresses:
        await until(lambda: len(written(server)) == 2)
        host = ingresses.table.find("younger.shop")
        assert host
        assert ingresses.owner(host.ingress) == Plain(), "its own hosts are served all the same"
    told = {each.path: ready(each.body["status"]) for each in server.asked if each.body}
    assert told[f"{path}/status"]["reason"] == "HostConflict"
    assert "shop/cart" in told[f"{path}/status"]["message"]
    assert told[f"{CART}/status"]["status"] == "True"


async def test_a_write_that_fails_is_made_again(server: ApiServer) -> None:
    conflict = Answer(409, status(409, "Conflict", "the object has been modified"))
    path = CART.replace("cart", "busy")
    server.answer(f"{path}/status", conflict, conflict, Answer(body={}))
    there_is(server, route(name="busy"))
    async with started(server):
        await until(lambda: len(written(server)) == 3)


async def test_a_table_that_may_not_be_read_is_an_error_at_the_start(server: ApiServer) -> None:
    server.answer(kingress.PATH, Answer(403, status(403, "Forbidden", "ingresses is forbidden")))
    there_is(server)
    with pytest.raises(ExceptionGroup) as raised:
        async with started(server):
            pass
    assert raised.group_contains(PermissionDenied, match="ingresses is forbidden")
