"""Requests by the host they name, as the cluster's Ingress objects say.

A host of a skill leads into the pipeline, like every other way to it. A host of
any other Knative Service is passed on as it is. The gateway itself answers to
its own name, to addresses, and to hosts that an object renames to its own name,
as a DomainMapping of its Service does.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from ipaddress import ip_address

from catnap.access import Principal, Resource
from catnap.errors import InvalidRequest, NotFound, PermissionDenied, Unavailable
from catnap.gateway.callers import principal
from catnap.gateway.door import allow
from catnap.gateway.gateway import Gateway
from catnap.gateway.proxy import forward
from catnap.gateway.skill import call_skill, describe_skill
from catnap.http import Client, Request, Response, Target
from catnap.http.errors import MethodNotAllowed
from catnap.services.cluster.names import GATEWAY, gateway_host
from catnap.services.knative.owners import Skill
from catnap.services.knative.routing import Host, Split, host_name

IDLE = 5.0
"""Seconds that a connection is kept: a Service's name leads elsewhere when its
revision wakes or falls asleep, and a kept connection would not follow."""

_PROBE = b"k-network-probe"
_HASH = b"k-network-hash"

Locate = Callable[[Split], Target]


def in_cluster(split: Split) -> Target:
    # With the final dot the resolver asks for this name and tries no others.
    return Target(f"{split.service}.{split.namespace}.svc.cluster.local.", split.port)


class Hosts:
    """locate: where a Service is reached. chance: 0 <= chance() < 1."""

    def __init__(
        self,
        gateway: Gateway,
        locate: Locate = in_cluster,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._gateway = gateway
        self._locate = locate
        self._chance = chance
        self._client = Client(idle=IDLE)
        whole = gateway_host(gateway.settings.install)
        self._own = {"", "localhost", GATEWAY, whole, whole.removesuffix(".cluster.local")}
        self._own.add(whole.removesuffix(".svc.cluster.local"))

    async def __call__(self, request: Request) -> Response | None:
        """None where the request is for the gateway itself, as all are outside
        of a cluster. Raises NotFound for a host that nobody has."""
        if self._gateway.cluster is None:
            return None
        asked = request.text(b"host") or ""
        name = host_name(asked)
        if self._is_own(name):
            return None
        if not self._gateway.ready:
            raise Unavailable("the gateway is starting or stopping", retry_after=1)
        ingresses = self._gateway.cluster.ingresses
        target = ingresses.table.choose(asked, request.path, request.headers, self._chance())
        if target is None:
            raise NotFound(f"no host {name!r} with a path {request.path!r} leads anywhere here")
        if request.headers.get(_PROBE) == b"probe":
            return _probed(request, target.asked)
        if target.asked.redirect and request.headers.get(b"x-forwarded-proto") != b"https":
            return Response(301, [(b"location", f"https://{name}{request.target}".encode())])
        if self._is_own(host_name(target.name)):
            return None
        owner = ingresses.owner(target.host.ingress)
        if owner is None:
            raise NotFound(f"host {name!r} has just been taken away")
        if isinstance(owner, Skill):
            usual = ingresses.table.splits(target.split.namespace, owner.name)
            # What has no share of its own goes where all calls of the skill go,
            # so that a session stays where it is.
            revision = "" if target.path.splits == usual else target.split.revision
            return await self._skill(request, owner, revision)
        where = self._locate(target.split)
        return await forward(self._client, request, where, target.name, target.headers)

    def _is_own(self, name: str) -> bool:
        return name in self._own or _is_address(name)

    async def _skill(self, request: Request, skill: Skill, revision: str) -> Response:
        caller = await principal(self._gateway, request)
        _check_tenant(caller, skill)
        if request.path != "/":
            raise NotFound(f"there is nothing at {request.path!r}: a skill is called at '/'")
        resource = Resource(caller.tenant, skill=skill.name)
        if request.method == "GET":
            allow(self._gateway, caller, "skills.read", resource)
            return await describe_skill(self._gateway, caller, request, skill.name)
        if request.method != "POST":
            raise MethodNotAllowed(
                f"{request.method} is not answered by a skill: use GET, POST", ("GET", "POST")
            )
        allow(self._gateway, caller, "skills.call", resource)
        return await call_skill(self._gateway, caller, request, skill.name, revision)

    async def close(self) -> None:
        await self._client.close()


def _check_tenant(caller: Principal, skill: Skill) -> None:
    if caller.tenant != skill.tenant:
        raise PermissionDenied(
            f"{caller.name} belongs to tenant {caller.tenant!r}, this host to {skill.tenant!r}"
        )


def _probed(request: Request, host: Host) -> Response:
    """Knative asks which version of an object is in use, and hears it from the
    gateway: nothing is woken by that."""
    wanted = request.headers.get(_HASH)
    if not wanted:
        raise InvalidRequest("a probe needs the header K-Network-Hash")
    known = host.ingress.digest.encode()
    return Response(200, [(_HASH, known if wanted == b"override" else wanted)])


def _is_address(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
