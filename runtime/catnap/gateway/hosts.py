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

from catnap.access import Principal
from catnap.errors import InvalidRequest, NotFound, PermissionDenied, Unavailable
from catnap.gateway.callers import principal
from catnap.gateway.gateway import Gateway
from catnap.gateway.proxy import Field, forward
from catnap.gateway.skill import call_skill, describe_skill
from catnap.http import Client, Request, Response
from catnap.http import Target as Address
from catnap.http.errors import MethodNotAllowed
from catnap.services.cluster.names import GATEWAY, gateway_host
from catnap.services.knative.ingress import Ingresses
from catnap.services.knative.owners import Skill
from catnap.services.knative.routing import Split, Target, host_name

MAX_RENAMES = 8
"""Hosts that one host may lead to in turn."""

IDLE = 5.0
"""Seconds that a connection is kept: a Service's name leads elsewhere when its
revision wakes or falls asleep, and a kept connection would not follow."""

_PROBE = b"k-network-probe"
_HASH = b"k-network-hash"

Locate = Callable[[Split], Address]


def in_cluster(split: Split) -> Address:
    # With the final dot the resolver asks for this name and tries no others.
    return Address(f"{split.service}.{split.namespace}.svc.cluster.local.", split.port)


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
        ingresses = self._gateway.cluster.ingresses
        asked = request.text(b"host") or ""
        name = host_name(asked)
        setting: list[Field] = []
        for _ in range(MAX_RENAMES):
            if self._is_own(name):
                return None
            if not self._gateway.ready:
                raise Unavailable("the gateway is starting or stopping", retry_after=1)
            chance = self._chance()
            target = ingresses.table.choose(name, request.path, request.headers, chance)
            if target is None:
                raise NotFound(f"there is no host {name!r} with a path {request.path!r} here")
            if not setting and request.headers.get(_PROBE) == b"probe":
                return _probed(request, target)
            if target.host.redirect and request.headers.get(b"x-forwarded-proto") != b"https":
                return _redirected(request, name)
            setting.extend(target.split.headers)
            renamed = host_name(target.path.rewrite_host)
            if not renamed or not (self._is_own(renamed) or ingresses.table.find(renamed)):
                return await self._answer(request, ingresses, target, asked, setting)
            asked = target.path.rewrite_host
            name = renamed
        raise InvalidRequest(f"host {asked!r} is renamed again and again: it leads to no Service")

    def _is_own(self, name: str) -> bool:
        return name in self._own or _is_address(name)

    async def _answer(
        self,
        request: Request,
        ingresses: Ingresses,
        target: Target,
        host: str,
        setting: list[Field],
    ) -> Response:
        owner = ingresses.owner(target.host.ingress)
        if owner is None:
            raise NotFound(f"host {host!r} has just been taken away")
        if isinstance(owner, Skill):
            usual = ingresses.table.splits(target.split.namespace, owner.name)
            # What has no share of its own goes where all calls of the skill go,
            # so that a session stays where it is.
            revision = "" if target.path.splits == usual else target.split.revision
            return await self._skill(request, owner, revision)
        host = target.path.rewrite_host or host
        return await forward(self._client, request, self._locate(target.split), host, setting)

    async def _skill(self, request: Request, skill: Skill, revision: str) -> Response:
        caller = principal(self._gateway, request)
        _check_tenant(caller, skill)
        if request.path != "/":
            raise NotFound(f"there is nothing at {request.path!r}: a skill is called at '/'")
        if request.method == "GET":
            return await describe_skill(self._gateway, caller, skill.name)
        if request.method != "POST":
            raise MethodNotAllowed(
                f"{request.method} is not answered by a skill: use GET, POST", ("GET", "POST")
            )
        return await call_skill(self._gateway, request, caller, skill.name, revision)

    async def close(self) -> None:
        await self._client.close()


def _check_tenant(caller: Principal, skill: Skill) -> None:
    if caller.tenant != skill.tenant:
        raise PermissionDenied(
            f"{caller.name} belongs to tenant {caller.tenant!r}, this host to {skill.tenant!r}"
        )


def _probed(request: Request, target: Target) -> Response:
    """Knative asks which version of an object is in use, and hears it from the
    gateway: nothing is woken by that."""
    wanted = request.headers.get(_HASH)
    if not wanted:
        raise InvalidRequest("a probe needs the header K-Network-Hash")
    known = target.host.ingress.digest.encode()
    return Response(200, [(_HASH, known if wanted == b"override" else wanted)])


def _redirected(request: Request, name: str) -> Response:
    return Response(301, [(b"location", f"https://{name}{request.target}".encode())])


def _is_address(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
