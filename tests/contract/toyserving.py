"""Knative Serving in one process, around the real KnativePlatform: what its
controllers, activator and pods would do. No pod ends by itself."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from catnap.events import decode
from catnap.http import Request, Response, Server, Target
from catnap.services import traffic
from catnap.services.knative.api import Api
from catnap.services.knative.platform import KnativePlatform
from catnap.services.knative.routing import Table
from catnap.services.render import AUTOSCALING
from catnap.sessions.referee import Referee
from tests.contract.memory import Function, Source
from tests.services.knative.objects import ingress, path, rule, split

LABEL = "serving.knative.dev/"


@dataclass(eq=False)
class Pod:
    """limit: calls at once; the others wait in its queue-proxy."""

    name: str
    function: Function
    limit: int
    died: Callable[[Pod], None]
    inflight: int = 0
    server: Server = field(init=False)

    async def start(self) -> Target:
        self._places = asyncio.Semaphore(self.limit or 1_000_000)
        self.server = Server(self.answer)
        return Target(*await self.server.listen(host="127.0.0.1"))

    async def answer(self, request: Request) -> Response:
        self.inflight += 1
        try:
            async with self._places:
                event = decode(request.headers, await request.body.read())
                answer = await self.function(event)
        except SystemExit:
            self.died(self)
            for connection in list(self.server.connections):
                connection.abort()
            await asyncio.Event().wait()
        finally:
            self.inflight -= 1
        fields = [(b"content-type", b"application/json"), (b"catnap-instance", self.name.encode())]
        return Response(200, fields, msgspec.json.encode(answer))


@dataclass
class Revision:
    name: str
    template: Mapping[str, Any]
    pods: list[Pod] = field(default_factory=list)

    @property
    def most(self) -> int:
        return int(self.template["metadata"]["annotations"][AUTOSCALING + "max-scale"])

    @property
    def least(self) -> int:
        return int(self.template["metadata"]["annotations"][AUTOSCALING + "min-scale"])


class ToyServing(KnativePlatform):
    """sources: by image. applied: what was, which the cluster keeps. To be
    made by `serving`."""

    def __init__(
        self,
        api: Api,
        sources: Mapping[str, Source],
        clock: Callable[[], float],
        applied: list[Mapping[str, Any]],
        activator: Target,
        referee: Referee | None,
    ) -> None:
        self._sources = sources
        self._applied = applied
        self._revisions: dict[str, list[Revision]] = {}
        """By service."""
        self._targets: dict[str, tuple[traffic.Target, ...]] = {}
        self._numbers = itertools.count(1)
        self._routes = Table(())
        self._deployed: list[tuple[str, str]] = []
        self.servers: list[Server] = []
        super().__init__(
            api,
            _namespace,
            lambda: self._routes,
            self._deployed,
            activator=activator,
            pause=0.0,
            patience=0.05,
            clock=clock,
            referee=referee,
        )

    async def apply(self, service: Mapping[str, Any]) -> str:
        self._applied.append(service)
        return await self._take_up(service)

    async def resume(self) -> None:
        for each in self._applied:
            await self._take_up(each)

    async def _take_up(self, service: Mapping[str, Any]) -> str:
        tenant, name = service["metadata"]["namespace"], service["metadata"]["name"]
        found = self._revisions.setdefault(name, [])
        template = service["spec"]["template"]
        if not found or found[-1].template != template:
            found.append(Revision(f"{name}-{len(found) + 1:05}", template))
            self._tell_of(tenant, name, found[-1], len(found))
            for _ in range(found[-1].least):
                await self._start(tenant, found[-1])
        if (tenant, name) not in self._deployed:
            self._deployed.append((tenant, name))
        targets = traffic.read(service) or self._targets.get(name, traffic.LATEST)
        await self.route(tenant, name, targets)
        return found[-1].name

    async def route(self, namespace: str, service: str, targets: Iterable[traffic.Target]) -> None:
        space, self._targets[service] = _namespace(namespace), tuple(targets)
        latest = self._revisions[service][-1].name
        told = {"latestReadyRevisionName": latest}
        spec = {"traffic": traffic.write(self._targets[service])}
        self.objects.take_services({(space, service): {"spec": spec, "status": told}})
        shares = traffic.shares(self._targets[service], latest)
        splits = [split(each.revision, each.percent, space) for each in shares if each.percent]
        rules = [rule(f"{service}.{space}.svc.cluster.local", paths=[path(*splits)])]
        for tag, revision in traffic.tags(self._targets[service], latest).items():
            host = f"{tag}-{service}.{space}.svc.cluster.local"
            rules.append(rule(host, paths=[path(split(revision, 100, space))]))
        self._routes = Table.of([ingress(*rules, namespace=space, name=service)])

    async def activate(self, request: Request) -> Response:
        """To a pod with room; to one more where none has any; else to a queue."""
        name = request.headers[b"knative-serving-revision"].decode()
        tenant = request.headers[b"knative-serving-namespace"].decode().removeprefix("catnap-")
        revisions = itertools.chain.from_iterable(self._revisions.values())
        revision = next(each for each in revisions if each.name == name)
        pod = min(revision.pods, key=lambda each: each.inflight, default=None)
        full = pod is None or 0 < pod.limit <= pod.inflight
        if pod is None or (full and not 0 < revision.most <= len(revision.pods)):
            pod = await self._start(tenant, revision)
        return await pod.answer(request)

    async def _start(self, tenant: str, revision: Revision) -> Pod:
        [container] = revision.template["spec"]["containers"]
        env = {each["name"]: each["value"] for each in container["env"]}
        function = await self._sources[container["image"]].start(env)
        limit = revision.template["spec"]["containerConcurrency"]
        name = f"{revision.name}-{next(self._numbers)}"
        space = _namespace(tenant)

        def died(pod: Pod) -> None:
            revision.pods.remove(pod)
            self.fleet.take_slices({(space, pod.name): None})

        pod = Pod(name, function, limit, died)
        revision.pods.append(pod)
        target = await pod.start()
        self.servers.append(pod.server)
        meta = {"namespace": space, "name": name, "labels": {f"{LABEL}revision": revision.name}}
        endpoint = {"addresses": [target.host], "targetRef": {"kind": "Pod", "name": name}}
        ports = [{"name": "http", "port": target.port}]
        told = {"metadata": meta, "endpoints": [endpoint], "ports": ports}
        self.fleet.take_slices({(space, name): told})
        return pod

    def _tell_of(self, tenant: str, service: str, revision: Revision, number: int) -> None:
        space, template = _namespace(tenant), revision.template
        labels = {f"{LABEL}service": service, f"{LABEL}configurationGeneration": str(number)}
        meta = {**template["metadata"], "namespace": space, "name": revision.name, "labels": labels}
        told = {(space, revision.name): {"metadata": meta, "spec": template["spec"]}}
        self.objects.take_revisions(told)
        self.fleet.take_revisions(told)

    async def close(self) -> None:
        await super().close()
        for each in self.servers:
            await each.drain(0)


async def serving(
    api: Api,
    sources: Mapping[str, Source],
    clock: Callable[[], float],
    applied: list[Mapping[str, Any]],
    referee: Referee | None = None,
) -> ToyServing:
    made: ToyServing

    async def activate(request: Request) -> Response:
        return await made.activate(request)

    activator = Server(activate)
    target = Target(*await activator.listen(host="127.0.0.1"))
    made = ToyServing(api, sources, clock, applied, target, referee)
    made.servers.append(activator)
    await made.resume()
    return made


def _namespace(tenant: str) -> str:
    return f"catnap-{tenant}"
