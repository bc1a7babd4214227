"""The Platform port on Knative Serving: its controllers run the Services, and
calls go straight to their pods.

A pod that is known to have room is sent the call itself. Where there is none,
at zero or in a burst, the activator holds the call, has a pod started, and
passes it on.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

from catnap.errors import CatnapError, NotFound, SkillCrashed, Unavailable
from catnap.http import Client, Target
from catnap.http.client import ConnectionLost, Reply
from catnap.services.knative import choice, outcome
from catnap.services.knative.api import Api
from catnap.services.knative.fleet import Fleet
from catnap.services.knative.homes import Homes
from catnap.services.knative.pods import Pod
from catnap.services.knative.routing import Table
from catnap.services.platform import Delivery, Route, Status
from catnap.services.timings import passed

# With the dot at its end a resolver asks for this name alone, not first for
# the same name below each domain of the pod's search list.
ACTIVATOR = Target("activator-service.knative-serving.svc.cluster.local.", 80)

CONNECT = 1.0
"""Seconds after which a pod counts as gone."""

SENDS = 3
"""Times that a call is given to the activator whose pod has just ended."""

PAUSE = 0.2
"""Seconds between them: as often the activator looks which pods there are."""

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
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.fleet = Fleet(self._forget)
        self._api = api
        self._namespace = namespace
        self._table = table
        self._services = services
        self._activator = activator
        self._pause = pause
        self._chance = chance
        self._pods = Client(connect_timeout=CONNECT)
        self._relay = Client(keep=1024)
        self._homes = Homes()

    # --- what there is ---------------------------------------------------

    async def apply(self, service: Mapping[str, Any]) -> str:
        meta = service["metadata"]
        placed = {**meta, "namespace": self._namespace(meta["namespace"])}
        applied = await self._api.apply({**service, "metadata": placed})
        name: str = applied.get("status", {}).get("latestCreatedRevisionName", "")
        return name

    async def delete(self, namespace: str, service: str) -> None:
        home = self._namespace(namespace)
        await self._api.delete(f"/apis/serving.knative.dev/v1/namespaces/{home}/services/{service}")

    def status(self) -> list[Status]:
        return [self._status(tenant, name) for tenant, name in self._services]

    def _status(self, tenant: str, service: str) -> Status:
        namespace = self._namespace(tenant)
        revision = choice.main(self._table().splits(namespace, service))
        pods = sum(len(each.pods) for each in self.fleet.of(namespace, service))
        return Status(tenant, service, revision, pods)

    # --- a request -----------------------------------------------------------

    @asynccontextmanager
    async def deliver(self, route: Route, headers: Fields, body: bytes) -> AsyncIterator[Delivery]:
        """As the port says. A call that its pod has certainly not seen is
        sent again; any other that fails is not."""
        arrived = time.time()
        namespace = self._namespace(route.namespace)
        session = (namespace, route.service, route.session) if route.session else None
        home = self._homes.get(session) if session else None
        name = route.revision or self._revision(namespace, route.service, home)
        revision = self.fleet.get(namespace, name)
        if session and not (revision and revision.affinity):
            session = home = None
        host = f"{route.service}.{namespace}.svc.cluster.local".encode()
        call = _Call(route.service, [(b"host", host), *headers], body, arrived)
        pod = revision.pods.take(home, self._chance) if revision else None
        if revision and pod:
            try:
                if session:
                    self._homes.settle(session, pod)
                async with self._exchange(self._pods, pod.target, call, pod.name) as delivery:
                    yield delivery
                return
            except _NotSent as error:
                if error.lost:
                    self.fleet.lose(namespace, pod)
            finally:
                revision.pods.release(pod)
        call.fields.append((b"knative-serving-namespace", namespace.encode()))
        call.fields.append((b"knative-serving-revision", name.encode()))
        for left in reversed(range(SENDS)):
            try:
                async with self._exchange(self._relay, self._activator, call) as delivery:
                    reached = revision.pods.named(delivery.instance) if revision else None
                    if session and reached:
                        self._homes.settle(session, reached)
                    yield delivery
                return
            except _NotSent as error:
                if not left:
                    raise error.reason from None
            await asyncio.sleep(self._pause)

    def _revision(self, namespace: str, service: str, home: Pod | None) -> str:
        splits = self._table().splits(namespace, service)
        name = choice.revision(splits, home.revision if home else "", self._chance())
        if not name:
            raise NotFound(f"no traffic goes to {service!r} in namespace {namespace!r}")
        return name

    @asynccontextmanager
    async def _exchange(
        self, client: Client, target: Target, call: _Call, pod: str = ""
    ) -> AsyncIterator[Delivery]:
        """Sends a call once. pod: whose queue-proxy the target is.

        Raises _NotSent where no skill has seen it.
        """
        reply: Reply | None = None
        try:
            try:
                reply = await client.request(target, "POST", "/", call.fields, call.body)
            except Unavailable as error:
                raise _NotSent(error, lost=True) from None
            if outcome.is_knatives(reply.status, reply.headers):
                await self._refused(reply, call)
            took = (time.time() - call.arrived) * 1000
            instance = pod or reply.headers.get(outcome.INSTANCE, b"").decode("latin-1")
            yield Delivery(reply, instance, passed(reply.headers, call.arrived, took))
        except ConnectionLost:
            raise SkillCrashed(
                f"{pod or call.service} closed the connection while it handled the call"
            ) from None
        finally:
            if reply:
                reply.close()

    async def _refused(self, reply: Reply, call: _Call) -> NoReturn:
        """Knative has answered in the skill's place."""
        text = (await reply.read()).decode("utf-8", "replace")
        error = outcome.error(reply.status, text, call.service)
        if outcome.unsent(reply.status, text):
            raise _NotSent(error)
        raise error

    def _forget(self, target: Target) -> None:
        self._pods.forget(target)

    async def close(self) -> None:
        """Nothing ends: what runs is the cluster's."""
        await self._pods.close()
        await self._relay.close()


@dataclass(frozen=True, slots=True)
class _Call:
    """arrived: seconds since the epoch."""

    service: str
    fields: list[tuple[bytes, bytes]]
    body: bytes
    arrived: float


class _NotSent(Exception):
    """No skill has seen the call. lost: nobody could be connected to."""

    def __init__(self, reason: CatnapError, *, lost: bool = False) -> None:
        super().__init__(reason.message)
        self.reason = reason
        self.lost = lost
