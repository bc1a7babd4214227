"""The models as they are now: who answers for each, and what is known of them."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeGuard, TypeVar

import msgspec

from catnap.errors import InvalidRequest
from catnap.http import Client
from catnap.models.adaptive import Limit, Range
from catnap.models.exchange import Exchange
from catnap.models.names import Choice, Names
from catnap.models.oip_server import OipServer
from catnap.models.openai_server import OpenAIServer
from catnap.models.place import Server
from catnap.models.pool import Pool
from catnap.models.retries import RetryBudget
from catnap.models.settings import Ability, Bounds, Model
from catnap.models.waking import Waking
from catnap.models.woken import Woken

Upstream = TypeVar("Upstream", OipServer, OpenAIServer)


@dataclass(eq=False, slots=True)
class Served(Generic[Upstream]):
    """One model's servers, or those of its canary. name: its own, whatever it
    is asked by."""

    name: str
    canary: bool
    model: Model
    exchange: Exchange[Upstream]

    @property
    def pool(self) -> Pool[Upstream]:
        return self.exchange.pool

    @property
    def version(self) -> str:
        """That it is of; empty where models.toml names none."""
        canary = self.model.canary if self.canary else None
        return canary.version if canary else self.model.version

    @property
    def at_servers(self) -> str:
        """What its servers call it."""
        return self.model.at_servers or self.name


AnyServed = Served[OipServer] | Served[OpenAIServer]


class Found(msgspec.Struct, frozen=True):
    """Who answers a request. version: that it is sent for; empty for the
    servers' choice."""

    served: AnyServed
    version: str

    @property
    def oip(self) -> Served[OipServer]:
        """Raises InvalidRequest for a model that is asked otherwise."""
        if not speaks_oip(self.served):
            raise InvalidRequest(
                f"model {self.served.name!r} has no tensors: its servers speak OpenAI's HTTP; "
                "ask it at /v1, or by catnap.v1.Models"
            )
        return self.served


def speaks_oip(served: AnyServed) -> TypeGuard[Served[OipServer]]:
    return served.model.protocol == "oip"


def speaks_openai(served: AnyServed) -> TypeGuard[Served[OpenAIServer]]:
    return served.model.protocol == "openai"


class Registry:
    """Of one event loop. Other models may be given at any time (`change`): what is
    known of servers that stay is kept, and what is at work ends where it is."""

    def __init__(
        self,
        models: Mapping[str, Model] = {},
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.waking: Waking | None = None
        """Who wakes the models that may be at zero, where anybody can: the next
        change tells of them."""
        self._clock = clock
        self._chance = chance
        self._client = Client()
        self._served: dict[tuple[str, bool], AnyServed] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._names = Names({})
        self.change(models)

    def __iter__(self) -> Iterator[AnyServed]:
        return iter(self._served.values())

    def change(self, models: Mapping[str, Model]) -> None:
        """These are the models from now on."""
        before, self._served = self._served, {}
        for name, model in models.items():
            self._serve(before, name, model, model.servers, canary=False)
            if model.canary:
                self._serve(before, name, model, model.canary.servers, canary=True)
        self._names = Names(models)
        if self.waking:
            self.waking.change(models)
        for served in before.values():
            self._leave(served)

    def visible(self, tenant: str) -> Iterator[tuple[str, Model]]:
        """Those that the tenant may ask, by name."""
        return self._names.visible(tenant)

    def find(self, name: str, version: str, tenant: str) -> Found:
        """Raises NotFound, which names the nearest there is."""
        choice = self._names.choose(name, version, tenant, self._chance())
        return self._found(choice)

    def only(self, ability: Ability, tenant: str) -> str:
        """The name of the one model that can do it. Raises InvalidRequest where
        there is none, or more than one."""
        able = [name for name, model in self.visible(tenant) if ability in model.abilities]
        if len(able) != 1:
            raise InvalidRequest(f"model: name one; those that can {ability}: {_said(able)}")
        return able[0]

    async def close(self) -> None:
        for served in self._served.values():
            self._leave(served, grace=0.0)
        self._served = {}
        await asyncio.gather(*self._closing)
        await self._client.close()

    def _found(self, choice: Choice) -> Found:
        return Found(self._served[choice.name, choice.canary], choice.version)

    def _serve(
        self,
        before: dict[tuple[str, bool], AnyServed],
        name: str,
        model: Model,
        addresses: tuple[str, ...],
        *,
        canary: bool,
    ) -> None:
        key = name, canary
        old = before.pop(key, None)
        if old is not None and old.model.protocol != model.protocol:
            self._leave(old)
            old = None
        if model.protocol == "oip":
            oip = old if old is not None and speaks_oip(old) else None
            self._served[key] = self._changed(oip, name, model, addresses, canary, self._oip)
        else:
            openai = old if old is not None and speaks_openai(old) else None
            self._served[key] = self._changed(openai, name, model, addresses, canary, self._openai)

    def _changed(
        self,
        old: Served[Upstream] | None,
        name: str,
        model: Model,
        addresses: tuple[str, ...],
        canary: bool,
        connect: Callable[[str, str, Model], Upstream],
    ) -> Served[Upstream]:
        if old is None:
            pool = Pool[Upstream](name, (), model.limits.waiting, self._clock, self._chance)
            budget = RetryBudget(self._clock())
            served = Served(name, canary, model, Exchange(pool, budget))
        else:
            served, pool, budget = old, old.pool, old.exchange.budget
        if self.waking and model.wake:
            served.exchange = Woken(pool, budget, self.waking, model)
        elif isinstance(served.exchange, Woken):
            served.exchange = Exchange(pool, budget)
        there = {each.name: each for each in pool.servers}
        if old is not None and old.model.key_env != model.key_env:
            there = {}
        same = old is not None and old.model.limits == model.limits
        servers = []
        for address in addresses:
            server = there.get(address)
            if server is None:
                server = Server(address, connect(address, name, model))
            if not same:
                server.limit = Limit(_range(model.limits))
            servers.append(server)
        self._leave(served, servers)
        served.model = model
        pool.waiting = model.limits.waiting
        pool.change(servers)
        return served

    def _leave(
        self, served: AnyServed, staying: Sequence[object] = (), grace: float | None = None
    ) -> None:
        """Closes the connections of servers that are asked no more, when what is
        at work there has ended, or after `grace` seconds."""
        after = served.model.limits.timeout if grace is None else grace
        kept = {id(each) for each in staying}
        for server in served.pool.servers:
            if id(server) not in kept:
                closing = asyncio.ensure_future(server.upstream.close(float(after)))
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)

    def _oip(self, address: str, name: str, model: Model) -> OipServer:
        return OipServer(address, name)

    def _openai(self, address: str, name: str, model: Model) -> OpenAIServer:
        key = os.environ.get(model.key_env, "") if model.key_env else ""
        return OpenAIServer(self._client, address, name, key)


def _range(bounds: Bounds) -> Range:
    return Range(bounds.least, bounds.most, bounds.start)


def _said(names: list[str]) -> str:
    return ", ".join(names) or "there is none"
