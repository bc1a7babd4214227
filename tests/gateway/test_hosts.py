"""Requests by the host they name: a real gateway on this machine, told of
Ingress objects by a server that plays a cluster's API."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from catnap.gateway.gateway import Gateway
from catnap.gateway.hosts import Hosts
from catnap.http import Client, Reply, Request, Response, Server, Target
from catnap.services.knative import kingress
from catnap.services.knative.cluster import Cluster
from catnap.services.knative.ingress import NAMESPACES
from catnap.services.knative.routing import Split
from tests.gateway.local import ACME, RIVAL, started
from tests.services.knative.apiserver import Answer, ApiServer, running
from tests.services.knative.objects import ingress, path, route, rule, split

ECHO_SKILL = Path(__file__).parents[2] / "functions" / "echo"
SERVICE = {"catnap.dev/install": "catnap", "serving.knative.dev/service": "echo"}
ECHO = "echo.catnap-acme.svc.cluster.local"
OBJECTS = (
    route(name="echo", namespace="catnap-acme", labels=SERVICE),
    route(split("shop-1", 50), split("shop-2", 50), name="cart"),
    ingress(
        rule("safe.example", paths=[path(split("cart"))]), name="safe", httpOption="Redirected"
    ),
    ingress(
        rule("catnap.example", paths=[path(split("g"), rewriteHost="catnap-gateway.catnap")]),
        name="vanity",
    ),
    ingress(
        rule(
            "echo.example", paths=[path(split("echo", namespace="catnap-acme"), rewriteHost=ECHO)]
        ),
        name="echo-vanity",
        namespace="catnap-acme",
    ),
)


pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class World:
    where: Target
    client: Client
    gateway: Gateway
    asked: list[Split]
    """Where plain requests went."""

    async def request(
        self, host: str, method: str = "GET", target: str = "/", key: str = "", **headers: str
    ) -> Reply:
        sent = [(b"host", host.encode())]
        if key:
            sent.append((b"authorization", b"Bearer " + key.encode()))
        sent += [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
        return await self.client.request(self.where, method, target, sent, b'{"n":1}')


def listed(*objects: dict[str, Any]) -> Answer:
    body = {"apiVersion": "v1", "kind": "ThingList", "items": list(objects)}
    return Answer(body={**body, "metadata": {"resourceVersion": "1"}})


def tell(server: ApiServer) -> None:
    tenant = {
        "name": "catnap-acme",
        "resourceVersion": "1",
        "labels": {"catnap.dev/install": "catnap"},
        "annotations": {"catnap.dev/tenant": "acme"},
    }
    shop = {"name": "shop", "resourceVersion": "1"}
    server.answer(NAMESPACES, listed({"metadata": tenant}, {"metadata": shop}))
    server.answer(kingress.PATH, listed(*OBJECTS))
    for kind in (NAMESPACES, kingress.PATH):
        server.answer(f"{kind}?watch", Answer(events=(), then="hold"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("gateway")
    backend = Server(_say_what_came)
    address = Target(*await backend.listen(host="127.0.0.1"))
    client = Client()
    asked: list[Split] = []

    def locate(split: Split) -> Target:
        asked.append(split)
        return address

    def hosts(gateway: Gateway) -> Hosts:
        return Hosts(gateway, locate, lambda: 0.7)

    with running(folder) as api:
        tell(api)
        async with started(folder, ECHO_SKILL, hosts=hosts) as (gateway, where):
            # The skills run here; the hosts are a cluster's.
            gateway.cluster = Cluster(api.api(), "catnap", lambda _: None)
            await gateway.cluster.ingresses.start()
            yield World(where, client, gateway, asked)
            await client.close()
            await gateway.cluster.ingresses.close()
    await backend.drain(0)


async def _say_what_came(request: Request) -> Response:
    said = {
        "target": request.target,
        "host": request.text(b"host"),
        "revision": request.text(b"knative-serving-revision"),
        "body": (await request.body.read()).decode(),
    }
    return Response.json(json.dumps(said).encode())


async def test_a_skills_host_leads_through_the_pipeline(world: World) -> None:
    reply = await world.request(ECHO, "POST", key=ACME)
    assert (reply.status, await reply.read()) == (200, b'{"n":1}')
    assert reply.headers[b"catnap-instance"].startswith(b"echo-")
    task = await world.gateway.journal.get("acme", reply.headers[b"catnap-task"].decode())
    assert (task.skill, task.tenant) == ("echo", "acme")
    assert world.asked == []


@pytest.mark.parametrize(("key", "status"), [("", 401), ("wrong", 401), (RIVAL, 403)])
async def test_a_skills_host_is_for_those_of_its_tenant_only(
    world: World, key: str, status: int
) -> None:
    for host in (ECHO, "echo.catnap-acme", "echo.example"):
        for method in ("POST", "GET"):
            assert (await world.request(host, method, key=key)).status == status


async def test_a_skills_host_describes_it_and_has_no_other_methods_or_paths(world: World) -> None:
    described = await world.request(ECHO, "GET", key=ACME)
    assert json.loads(await described.read())["name"] == "echo"
    other = await world.request(ECHO, "DELETE", key=ACME)
    assert (other.status, other.headers[b"allow"]) == (405, b"GET, POST")
    assert (await world.request(ECHO, "POST", "/metrics", key=ACME)).status == 404


async def test_another_name_for_a_skills_host_leads_through_the_pipeline_too(world: World) -> None:
    reply = await world.request("echo.example", "POST", key=ACME)
    assert (reply.status, await reply.read()) == (200, b'{"n":1}')


async def test_another_services_host_is_passed_on_by_its_split(world: World) -> None:
    world.asked.clear()
    reply = await world.request("cart.shop.svc:80", "POST", "/a?b")
    assert json.loads(await reply.read()) == {
        "target": "/a?b",
        "host": "cart.shop.svc:80",
        "revision": "shop-2",
        "body": '{"n":1}',
    }
    assert [(each.namespace, each.service, each.port) for each in world.asked] == [
        ("shop", "shop-2", 80)
    ]


@pytest.mark.parametrize("host", ["nobody.example", "shop", "cart.shop.example", "catnap.dev"])
async def test_a_host_that_nobody_has_is_not_found_and_named(world: World, host: str) -> None:
    reply = await world.request(host, target="/healthz", key=ACME)
    assert reply.status == 404
    assert repr(host) in json.loads(await reply.read())["detail"]


@pytest.mark.parametrize(
    "host",
    [
        "localhost:8080",
        "127.0.0.1",
        "[::1]:8080",
        "catnap-gateway",
        "catnap-gateway.catnap:80",
        "catnap-gateway.catnap.svc",
        "Catnap-Gateway.catnap.svc.cluster.local",
        "catnap.example",
    ],
)
async def test_the_gateway_answers_to_its_own_names(world: World, host: str) -> None:
    reply = await world.request(host, target="/healthz")
    assert (reply.status, await reply.read()) == (200, b"ok\n")


async def test_a_host_that_wants_https_sends_there_who_came_without(world: World) -> None:
    reply = await world.request("safe.example:80", target="/a?b=c")
    assert (reply.status, reply.headers[b"location"]) == (301, b"https://safe.example/a?b=c")
    assert (await world.request("safe.example", x_forwarded_proto="https")).status == 200


async def test_knatives_probe_hears_which_version_of_an_object_is_served(world: World) -> None:
    document = next(each for each in OBJECTS if each["metadata"]["name"] == "echo")
    for wanted, told in (("override", kingress.read(document).digest), ("abc", "abc")):
        reply = await world.request(ECHO, k_network_probe="probe", k_network_hash=wanted)
        assert (reply.status, reply.headers[b"k-network-hash"].decode()) == (200, told)
    assert (await world.request(ECHO, k_network_probe="probe")).status == 400


async def test_a_gateway_that_stops_says_so_for_every_host(world: World) -> None:
    world.gateway.ready = False
    try:
        assert (await world.request(ECHO, "POST", key=ACME)).status == 503
        assert (await world.request("cart.shop")).status == 503
    finally:
        world.gateway.ready = True
