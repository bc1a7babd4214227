"""The proxy: listens, lets in, watches over what is open, drains."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from math import inf

from catnap.access import Denied, Grant
from catnap.access.egress import Networks, decide_egress
from catnap.errors import PermissionDenied, Unauthenticated
from catnap.gateway.at_work import AtWork
from catnap.gateway.egress.client import Client
from catnap.gateway.egress.dial import Resolve, Resolver, dial
from catnap.gateway.egress.head import Connect
from catnap.gateway.egress.held import Held
from catnap.gateway.egress.limits import DEFAULT, Limits
from catnap.gateway.egress.records import Records
from catnap.gateway.egress.tunnel import Tunnel
from catnap.http.errors import ProxyAuthenticationRequired

_ENDED = "the Grant's call has ended"


class Proxy:
    """verify: what a token grants at a time, or Unauthenticated. networks:
    which addresses may be reached. resolve: another resolver than the system's.
    clock: seconds since the epoch, as Grants count them.
    """

    def __init__(
        self,
        verify: Callable[[str, float], Grant],
        at_work: AtWork,
        records: Records,
        *,
        networks: Networks = Networks(),  # noqa: B008 (it is frozen)
        limits: Limits = DEFAULT,
        resolve: Resolve | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.records = records
        self.limits = limits
        self.tunnels: set[Tunnel] = set()
        self.clients: set[Client] = set()
        """Connections that have no tunnel."""
        self._verify, self._at_work = verify, at_work
        self._networks = networks
        self._resolver = Resolver()
        self._resolve: Resolve = resolve or self._resolver
        self._clock = clock
        self._by_address: Counter[str] = Counter()
        """Of `clients`, how many an address has."""
        self._held = Held(limits)
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self._asking: asyncio.Task[None] | None = None

    async def listen(self, *, host: str, port: int) -> tuple[str, int]:
        """Starts to serve; tells where. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Client(self), host, port, backlog=1024)
        self._sweep()
        name = self._server.sockets[0].getsockname()
        return name[0], name[1]

    # --- what comes ----------------------------------------------------------

    def enter(self, client: Client) -> bool:
        """Whether there is room for one more connection of its address."""
        self.clients.add(client)
        self._by_address[client.address] += 1
        return self._by_address[client.address] <= self.limits.strangers

    def leave(self, client: Client) -> None:
        """It has become a tunnel, or is gone."""
        if client in self.clients:
            self.clients.remove(client)
            self._by_address[client.address] -= 1
            if not self._by_address[client.address]:
                del self._by_address[client.address]

    async def open(self, client: Client, connect: Connect) -> Tunnel:
        """The tunnel that a client asks for; the caller begins it.

        Raises the error that it is refused with.
        """
        grant = client.grant = await self._granted(connect.grant)
        decision = decide_egress(connect.place, grant.egress, grant.skill)
        if isinstance(decision, Denied):
            raise PermissionDenied(decision.reason)
        self._held.take(grant)
        try:
            far = await dial(connect.place, self._networks, self._resolve, self.limits)
        except BaseException:
            self._held.give(grant)
            raise
        self.leave(client)
        tunnel = Tunnel(grant, connect, client.transport, far, self._ended)
        self.tunnels.add(tunnel)
        self.records.opened(tunnel)
        return tunnel

    async def _granted(self, token: str) -> Grant:
        now = self._clock()
        try:
            grant = self._verify(token, now)
        except Unauthenticated as error:
            raise ProxyAuthenticationRequired(error.message) from None
        why = "" if await self._at_work.anywhere(grant, token) else _ENDED
        if why := why or _late(grant, now):
            raise ProxyAuthenticationRequired(f"{why}: task {grant.task}")
        return grant

    # --- what ends ----------------------------------------------------------------

    def _ended(self, tunnel: Tunnel) -> None:
        self.tunnels.discard(tunnel)
        self._held.give(tunnel.grant)
        self.records.ended(tunnel)

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        now, wall = loop.time(), self._clock()
        for client in list(self.clients):
            client.expire(now)
        others: defaultdict[str, list[Tunnel]] = defaultdict(list)
        for tunnel in list(self.tunnels):
            why = _late(tunnel.grant, wall)
            if not self._at_work.is_ours(tunnel.grant):
                others[tunnel.token].append(tunnel)
            elif not self._at_work.here(tunnel.grant):
                why = _ENDED
            if not why and now - tunnel.moved > self.limits.idle:
                why = f"nothing went through it for {self.limits.idle:g} s"
            if why:
                tunnel.cut(why)
        if others and (self._asking is None or self._asking.done()):
            self._asking = loop.create_task(self._ask(others))
        self._sweeper = loop.call_later(self.limits.sweep, self._sweep)

    async def _ask(self, tunnels: Mapping[str, Sequence[Tunnel]]) -> None:
        """tunnels: by Grant, of calls that other gateways made."""

        async def one(token: str, tunnels: Sequence[Tunnel]) -> None:
            if not await self._at_work.anywhere(tunnels[0].grant, token):
                for tunnel in tunnels:
                    tunnel.cut(_ENDED)

        await asyncio.gather(*(one(*each) for each in tunnels.items()))

    async def drain(self, grace: float) -> None:
        """Takes no more connections, leaves tunnels `grace` seconds to end,
        and cuts those that have not."""
        if self._server:
            self._server.close()
        for client in list(self.clients):
            client.transport.abort()
        if self.tunnels:
            await asyncio.wait([tunnel.closed for tunnel in self.tunnels], timeout=grace)
        for tunnel in list(self.tunnels):
            tunnel.cut("the gateway stops")
        if self.tunnels:
            await asyncio.wait([tunnel.closed for tunnel in self.tunnels])
        if self._sweeper:
            self._sweeper.cancel()
        if self._asking:
            self._asking.cancel()
        self._resolver.close()


def _late(grant: Grant, now: float) -> str:
    """Why a Grant is good for no tunnel any more; empty while it is."""
    if now >= min(grant.expires, inf if grant.deadline is None else grant.deadline):
        return "the deadline of the Grant's call has passed"
    return ""
