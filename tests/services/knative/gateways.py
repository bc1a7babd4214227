"""Gateways of one store, before one cluster of pods that each sees by itself."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from catnap.http import Request, Response
from catnap.services.knative.api import Api
from catnap.services.knative.platform import KnativePlatform
from catnap.services.knative.routing import Table
from catnap.services.platform import Route
from catnap.sessions.referee import Referee
from catnap.store import Store
from tests.services.knative.objects import ingress, path, rule, split
from tests.services.knative.serving import Place, skill

SPACE = "catnap-acme"


@dataclass
class Gateway:
    """What one of them sees."""

    platform: KnativePlatform
    referee: Referee
    table: Table
    listed: set[str] = field(default_factory=set)

    async def look(self) -> None:
        """What it does every LOOK seconds."""
        await self.platform._homes.look()


@dataclass
class Cluster:
    """service: one of its own for each that shares a store with others."""

    service: str
    idle: float = 60.0
    patience: float = 0.9
    now: float = 1_000_000.0
    gateways: list[Gateway] = field(default_factory=list)
    pods: dict[str, Place] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    async def start(self, api: Api, stores: Sequence[Store]) -> None:
        self.activator = Place([self._wake])
        await self.activator.start()
        for number, store in enumerate(stores):
            self._join(api, Referee(store, str(number), lambda: self.now))
        for revision in ("old", "new"):
            self.revision(revision)
        self.route(old=100)

    def _join(self, api: Api, referee: Referee) -> None:
        made: Gateway
        platform = KnativePlatform(
            api,
            lambda tenant: f"catnap-{tenant}",
            lambda: made.table,
            [("acme", self.service)],
            activator=self.activator.target,
            pause=0.0,
            patience=self.patience,
            clock=lambda: self.now,
            referee=referee,
        )
        made = Gateway(platform, referee, Table(()))
        self.gateways.append(made)

    def route(self, *which: Gateway, **shares: int) -> None:
        """The traffic by revision, as those gateways see it; as all do."""
        splits = [split(name, percent, SPACE) for name, percent in shares.items()]
        host = rule(f"{self.service}.{SPACE}.svc.cluster.local", paths=[path(*splits)])
        for each in which or self.gateways:
            each.table = Table.of([ingress(host, namespace=SPACE, name=self.service)])

    def revision(self, name: str, concurrency: int = 0, most: int = 0) -> None:
        labels = {"serving.knative.dev/service": self.service}
        about = {
            "catnap.dev/session-idle": f"{self.idle:g}s",
            "catnap.dev/session-max": str(most),
        }
        meta = {"namespace": SPACE, "name": name, "labels": labels, "annotations": about}
        told = {"metadata": meta, "spec": {"containerConcurrency": concurrency}}
        for each in self.gateways:
            each.platform.fleet.take_revisions({(SPACE, name): told})

    async def pod(self, revision: str, *seen_by: Gateway) -> str:
        """A new one's name."""
        name = f"{revision}-{next(self._numbers)}"
        place = self.pods[name] = Place([skill(name)])
        await place.start()
        for each in seen_by:
            self.list(each, name)
        return name

    def list(self, gateway: Gateway, pod: str) -> None:
        gateway.listed.add(pod)
        self._tell(gateway, pod)

    def unlist(self, gateway: Gateway, pod: str) -> None:
        gateway.listed.discard(pod)
        gateway.platform.fleet.take_slices({(SPACE, pod): None})

    def _tell(self, gateway: Gateway, pod: str) -> None:
        target, revision = self.pods[pod].target, pod.partition("-")[0]
        labels = {"serving.knative.dev/revision": revision}
        endpoint = {"addresses": [target.host], "targetRef": {"kind": "Pod", "name": pod}}
        told = {
            "metadata": {"namespace": SPACE, "name": pod, "labels": labels},
            "endpoints": [endpoint],
            "ports": [{"name": "http", "port": target.port}],
        }
        gateway.platform.fleet.take_slices({(SPACE, pod): told})

    async def _wake(self, request: Request) -> Response:
        """A pod for each call that the activator is given."""
        revision = request.headers[b"knative-serving-revision"].decode()
        return skill(await self.pod(revision, *self.gateways))

    async def call(
        self, gateway: Gateway, session: str = "", revision: str = "", *, nested: bool = False
    ) -> str:
        """The name of the pod that has answered."""
        route = Route("acme", self.service, "", session, revision, nested)
        async with gateway.platform.deliver(route, [(b"ce-id", b"1")], b"{}") as delivery:
            await delivery.reply.read()
        return delivery.instance

    async def close(self) -> None:
        for each in self.gateways:
            await each.platform.close()
        await asyncio.gather(*(each.server.drain(0) for each in self.pods.values()))
        await self.activator.server.drain(0)
