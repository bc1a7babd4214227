"""What runs, as those see it who keep it going: models and their servers."""

from __future__ import annotations

from typing import Literal

import msgspec

from catnap.models.settings import Ability, Prices, Protocol

State = Literal["healthy", "ejected"]


class ServerSeen(msgspec.Struct, frozen=True):
    """back: seconds until one is tried again that is ejected. inflight, limit:
    requests at work there, and how many may be, as learnt."""

    address: str
    state: State
    inflight: int
    limit: int
    back: float = 0.0


class ModelSeen(msgspec.Struct, frozen=True):
    """canary: percent of the requests that name no version, of the model's other
    version; None for the model's own. p50, p95: seconds that its servers had a
    request; None where none has ended. requests, failed: that ended since the
    gateway started; failed for whatever reason. wake: the deployment that it is
    woken by. prices: of a million each."""

    name: str
    version: str
    protocol: Protocol
    abilities: tuple[Ability, ...]
    servers: tuple[ServerSeen, ...]
    aliases: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    canary: float | None = None
    folder: str = ""
    wake: str = ""
    waiting: int = 0
    requests: int = 0
    failed: int = 0
    p50: float | None = None
    p95: float | None = None
    prices: Prices = Prices()


class ModelsSeen(msgspec.Struct, frozen=True):
    """problem: what is wrong with models.toml as it is now; then the models are
    those of an earlier one."""

    models: tuple[ModelSeen, ...]
    problem: str = ""


class Ended(msgspec.Struct, frozen=True):
    """What requests came to."""

    requests: int = 0
    failed: int = 0
    p50: float | None = None
    p95: float | None = None
