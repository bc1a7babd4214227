"""What must hold of a model whose every value has the right type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from catnap.models.settings import HIGHEST, Model

BUILT_IN = "minilm-l6-v2"
"""The model that a server of ours has by itself."""

_DEVICE = re.compile(r"(cpu|cuda(:\d{1,3})?)\Z", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_DEPLOYMENT = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?/[a-z0-9]([a-z0-9.-]*[a-z0-9])?\Z")
_OURS = ("batch", "device")
"""Keys of a model that our own server runs."""


def broken(name: str, table: Mapping[str, Any], model: Model) -> Iterator[str]:
    """Each beginning with the key that it is about. table: what the model was made of."""
    yield from _place(name, table, model)
    yield from _rules(model)


def _place(name: str, table: Mapping[str, Any], model: Model) -> Iterator[str]:
    """Who answers for it."""
    built_in = name == BUILT_IN and not model.servers
    if not (model.servers or model.folder or built_in):
        yield "servers: name one at least, or the folder of a model that a server of ours loads"
    if model.folder and model.protocol != "oip":
        yield "protocol: a server of ours speaks oip: leave it out, or the folder"
    if not (model.folder or built_in):
        for key in _OURS:
            if key in table:
                yield f"{key}: is for a model with a folder: other servers have their own way"
    if model.wake and not model.servers:
        yield "wake: name the servers that the deployment runs"


def _rules(model: Model) -> Iterator[str]:
    yield from _addresses("servers", model)
    if model.canary:
        yield from _addresses("canary.servers", model)
        if not model.canary.version or model.canary.version == model.version:
            yield "canary.version: is to be another than the model's"
        if not 0 <= model.canary.percent <= 100:
            yield "canary.percent: 0 to 100"
    for kept, rule in _kept(model):
        if not kept:
            yield rule
    for tenant, weight in model.weights.items():
        if not 0.001 <= weight <= 1000:
            yield f"weights.{tenant}: 0.001 to 1000"
    for tenant, priority in model.priorities.items():
        if not 1 <= priority <= HIGHEST:
            yield f"priorities.{tenant}: 1, low, to {HIGHEST}, high"
    for key, price in msgspec.structs.asdict(model.prices).items():
        if not 0 <= price < float("inf"):
            yield f"prices.{key}: 0 or more"


def _kept(model: Model) -> Iterator[tuple[object, str]]:
    """Whether each is kept, and what it says."""
    limits, batch, wake = model.limits, model.batch, model.wake
    yield 1 <= limits.least <= limits.start <= limits.most, "limits: 1 <= least <= start <= most"
    yield limits.waiting >= 0, "limits.waiting: 0 or more"
    yield limits.timeout > 0, "limits.timeout: more than 0"
    embeds = "embed" in model.abilities and model.protocol == "oip"
    yield not embeds or model.dimensions > 0, "dimensions: how many numbers has an embedding of it?"
    yield model.max_tokens >= 0, "max_tokens: 0, for as many as it reads, or more"
    yield (
        not model.key_env or _VARIABLE.match(model.key_env),
        (f"key_env: {model.key_env!r} is no variable's name: the key itself does not stand here"),
    )
    yield _DEVICE.match(model.device), f"device: {model.device!r} is neither cpu, cuda nor cuda:N"
    yield batch.size >= 1, "batch.size: 1 or more"
    yield batch.delay <= 1, "batch.delay: at most 1s"
    lengths = list(batch.buckets)
    rising = lengths == sorted(set(lengths)) and all(each > 0 for each in lengths)
    yield rising, "batch.buckets: lengths that rise, such as [64, 256]"
    yield (
        not wake or _DEPLOYMENT.match(wake.deployment),
        ("wake.deployment: namespace/name of a Deployment"),
    )
    yield not wake or wake.timeout > 0, "wake.timeout: more than 0"


def _addresses(key: str, model: Model) -> Iterator[str]:
    canary = key != "servers"
    servers: Iterable[str] = model.canary.servers if canary and model.canary else model.servers
    seen = set[str]()
    for address in servers:
        if address in seen:
            yield f"{key}: {address!r} is there twice"
        seen.add(address)
        if not (_is_http(address) if model.protocol == "openai" else _is_grpc(address)):
            wanted = "http://host:port" if model.protocol == "openai" else "host:port or unix:PATH"
            yield f"{key}: {address!r} is no {wanted}"


def _is_http(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query
    except ValueError:
        return False


def _is_grpc(address: str) -> bool:
    if address.startswith("unix:"):
        return len(address) > len("unix:")
    host, _, port = address.rpartition(":")
    return bool(host and "/" not in host and re.fullmatch(r"[1-9]\d{0,4}", port, re.ASCII)) and (
        int(port) < 65536
    )
