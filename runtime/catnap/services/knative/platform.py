"""The Platform port on Knative Serving: its controllers run the Services, and
calls go straight to their pods."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from catnap.errors import NotFound, Unavailable
from catnap.http import Target
from catnap.services import choice, traffic
from catnap.services.knative.api import Api
from catnap.services.knative.exchange import Exchange, NotSent, Sent
from catnap.services.knative.faults import Faults
from catnap.services.knative.fleet import Fleet, Revision
from catnap.services.knative.homes import Homes, Sessions
from catnap.services.knative.pods import Pod, Pods
from catnap.services.knative.routing import Table
from catnap.services.knative.sender import PATIENCE, PAUSE, Sender
from catnap.services.knative.snapshot import Objects, seen
from catnap.services.knative.visit import Visit
from catnap.services.platform import Delivery, Route, Status
from catnap.services.render import API_VERSION
from catnap.services.snapshot import Service
from catnap.sessions.referee import Referee

# With the dot at its end a resolver asks for this name alone, not first for
# the same name below each domain of the pod's search list.
ACTIVATOR = Target("activator-service.knative-serving.svc.cluster.local.", 80)

LOOKS = 50
"""Times that a new revision is looked for, with the same pause."""

Fields = Sequence[tuple[bytes, bytes]]


class KnativePlatform:
    """namespace: of a tenant. table: the traffic as it is now. services: all
    that are ours, by tenant and name."""

    def __init__(
        self,
        api: Api,
        namespace: Callable[[str], str],
        table: Callable[[], Table],
        services: Iterable[tuple[str, str]],
        *,
        activator: Target = ACTIVATOR,
        pause: float = PAUSE,
        patience: float = PATIENCE,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
        referee: Referee | None = None,
    ) -> None:
        """referee: where several gateways send calls to the same pods."""
        self._exchange = Exchange(activator, Faults(api))
        self.fleet = Fleet(self._gone)
        self.objects = Objects()
        self._api = api
        self._namespace = namespace
        self._table = table
        self._services = services
        self._pause = pause
        self._chance = chance
        self._clock = clock
        self._homes = Homes(self.fleet, self._served, clock, referee)
        shared = referee is not None
        self._sender = Sender(self._exchange, self.fleet, chance, pause, patience, shared)

    def start(self) -> None:
        """Keeps what the gateways agree on of sessions up to date from now on."""
        self._homes.start()

    # --- what there is ---------------------------------------------------

    async def apply(self, service: Mapping[str, Any]) -> str:
        """As the port says, with the rights of whoever deploys: a gateway has
        none to. Does not wait until the revision is ready. Raises Unavailable
        where Knative does not make one."""
        meta = service["metadata"]
        placed = {**meta, "namespace": self._namespace(meta["namespace"])}
        found = await self._api.apply({**service, "metadata": placed})
        for _ in range(LOOKS):
            status = found.get("status", {})
            if status.get("observedGeneration") == found["metadata"]["generation"]:
                name: str = status.get("latestCreatedRevisionName", "")
                if name:
                    return name
            await asyncio.sleep(self._pause)
            found = await self._api.get(self._path(meta["namespace"], meta["name"]))
        raise Unavailable(
            f"Knative has made no revision of {meta['name']!r}: is its controller up?"
        )

    async def route(self, namespace: str, service: str, targets: Iterable[traffic.Target]) -> None:
        """As the port says, with the rights of whoever deploys."""
        patch = {"spec": {"traffic": traffic.write(targets)}}
        await self._api.merge(self._path(namespace, service), patch)

    def tagged(self, namespace: str, service: str, tag: str) -> str:
        space = self._namespace(namespace)
        found = choice.main(self._table().splits(space, service, tag))
        if not found or not self._is_of(service, self.fleet.get(space, found)):
            raise NotFound(f"no revision of {service!r} is tagged {tag!r}")
        return found

    async def delete(self, namespace: str, service: str) -> None:
        await self._api.delete(self._path(namespace, service))

    def _path(self, tenant: str, service: str) -> str:
        return f"/apis/{API_VERSION}/namespaces/{self._namespace(tenant)}/services/{service}"

    def status(self) -> list[Status]:
        return [self._status(tenant, name) for tenant, name in self._services]

    def _status(self, tenant: str, service: str) -> Status:
        namespace = self._namespace(tenant)
        revision = choice.main(self._table().splits(namespace, service))
        pods = sum(len(each.pods) for each in self.fleet.of(namespace, service))
        return Status(tenant, service, revision, pods)

    def look(self, namespace: str, service: str) -> Service:
        if (namespace, service) not in set(self._services):
            raise NotFound(f"there is no service {service!r} in {namespace!r}")
        return self._snapshot(namespace, service)

    def snapshot(self) -> list[Service]:
        """What the objects say and the gateway sees: what the autoscaler
        decides is in the cluster's own metrics."""
        return [self._snapshot(tenant, name) for tenant, name in sorted(self._services)]

    def _snapshot(self, tenant: str, service: str) -> Service:
        namespace = self._namespace(tenant)
        sessions = self._homes.of(namespace, service)
        sessions.table.expire(self._clock())
        return seen(
            self.objects.snapshot(tenant, (namespace, service)),
            {each.revision: each.percent for each in self._table().splits(namespace, service)},
            lambda name: found.pods if (found := self.fleet.get(namespace, name)) else Pods(),
            sessions.count,
        )

    # --- a request -----------------------------------------------------------

    @asynccontextmanager
    async def deliver(self, route: Route, headers: Fields, body: bytes) -> AsyncIterator[Delivery]:
        """As the port says. A call that its pod has certainly not seen is
        sent again; any other that fails is not."""
        arrived = time.time()
        namespace = self._namespace(route.namespace)
        visit, pod = await self._placed(namespace, route)
        revision = visit.revision
        host = f"{route.service}.{namespace}.svc.cluster.local".encode()
        fields = [(b"host", host), *headers]
        call = Sent(route.service, (namespace, revision.name), fields, body, arrived)
        try:
            if pod:
                visit.settle(pod)
                with suppress(NotSent):
                    sent = self._sender.straight(call, pod, revision.pods, route.nested)
                    async with sent as delivery:
                        yield delivery
                    return
            async with visit.waking(), self._sender.relayed(call, revision.pods) as delivery:
                await self._reached(visit, delivery.instance)
                yield delivery
        finally:
            visit.leave()

    async def _placed(self, namespace: str, route: Route) -> tuple[Visit, Pod | None]:
        """A call's visit, and the pod at which it has a place, where it may go
        straight; None where the activator must help."""
        while True:
            visit = await self._visit(namespace, route)
            pods, agreed = visit.revision.pods, False
            pod = await self._sender.place(pods, visit, route.nested)
            if pod is None:
                return visit, None
            try:
                agreed = await visit.agree(pod)
            finally:
                if not agreed:
                    pods.release(pod)
            if agreed:
                return visit, pod

    async def _visit(self, namespace: str, route: Route) -> Visit:
        sessions = self._homes.of(namespace, route.service)
        heard = None
        if route.session and self._has_homes(namespace, route):
            heard = await sessions.hear(route.session, route.revision)
        name = route.revision or (heard.revision if heard else "")
        name = name or self._revision(namespace, route, sessions)
        revision = self.fleet.get(namespace, name)
        if not self._is_of(route.service, revision):
            raise NotFound(f"{name!r} is no revision of {route.service!r}")
        # Of one that the cluster does not have, the activator may know.
        known = revision or Revision(name, affinity=False)
        return sessions.visit(route.session, known, heard, named=bool(route.revision))

    @staticmethod
    async def _reached(visit: Visit, instance: str) -> None:
        """The activator has given the call to that one. Where the session is
        at home elsewhere by now, its next calls go there."""
        pod = visit.revision.pods.named(instance)
        with suppress(Unavailable):  # the call is answered, and the next one asks again
            if pod and await visit.agree(pod):
                visit.settle(pod)

    def _revision(self, namespace: str, route: Route, sessions: Sessions) -> str:
        splits = self._table().splits(namespace, route.service)
        if route.session and self._has_homes(namespace, route):
            now = self._clock()
            name = choice.of_session(splits, route.service, route.session, sessions.table, now)
        else:
            name = choice.revision(splits, "", self._chance())
        if not name:
            raise NotFound(f"no traffic goes to {route.service!r} in namespace {namespace!r}")
        return name

    def _served(self, namespace: str, service: str) -> Collection[str]:
        """The revisions that have traffic."""
        splits = self._table().splits(namespace, service)
        return {each.revision for each in splits if each.percent}

    def _has_homes(self, namespace: str, route: Route) -> bool:
        """Whether the sessions of a call's revision are at home at its pods."""
        splits = self._table().splits(namespace, route.service)
        names = [route.revision] if route.revision else [each.revision for each in splits]
        known = (self.fleet.get(namespace, name) for name in names)
        return any(each and each.affinity for each in known)

    @staticmethod
    def _is_of(service: str, revision: Revision | None) -> bool:
        """Where the cluster has it at all."""
        return revision is None or not revision.known or revision.service == service

    def _gone(self, pod: Pod) -> None:
        self._exchange.forget(pod.target)
        self._homes.lose(pod)

    async def close(self) -> None:
        """Ends nothing: what runs is the cluster's."""
        await self._homes.stop()
        await self._exchange.close()
