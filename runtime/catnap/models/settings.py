"""models.toml: which models there are, and what answers for each.

[minilm-l6-v2]                        # what requests name it by
servers = ["models:8001"]             # whoever has it, by the Open Inference Protocol
abilities = ["embed", "infer"]
dimensions = 384

[writer]
protocol = "openai"                   # or by OpenAI's HTTP
servers = ["http://10.0.0.7:8000", "http://10.0.0.8:8000"]
at_servers = "llama-3.1-8b-instruct"  # what these call it
abilities = ["generate"]
aliases = ["default"]
tenants = ["acme", "beta-*"]          # whose models list has it
prices = { prompt_tokens = 0.2, completion_tokens = 0.6 }   # of a million each
limits = { waiting = 500, timeout = "2m" }
canary = { version = "2", percent = 5, servers = ["http://10.0.0.9:8000"] }
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal, get_type_hints
from urllib.parse import urlsplit

import msgspec

from catnap.errors import InvalidRequest
from catnap.skills.duration import Duration
from catnap.skills.manifest import as_duration, unknown_keys

Ability = Literal["embed", "generate", "infer"]
Protocol = Literal["oip", "openai"]

NAME = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/"
"""Of a model: what the names of model hubs are made of."""
_LONGEST = 200


class Bounds(msgspec.Struct, frozen=True):
    """How much is asked at once. least, most: requests at one server; between
    them it is learnt from how long answers take. waiting: requests that wait for
    room. timeout: of one request, whatever its caller would wait."""

    least: int = 4
    most: int = 1024
    start: int = 32
    waiting: int = 4096
    timeout: Duration = Duration(300)


class Prices(msgspec.Struct, frozen=True):
    """What a million of each costs, in the currency that all of them have."""

    prompt_tokens: float = 0.0
    completion_tokens: float = 0.0
    milliseconds: float = 0.0


class Canary(msgspec.Struct, frozen=True):
    """Another version, that some of the requests go to which name none."""

    version: str
    servers: tuple[str, ...]
    percent: float = 0.0


class Model(msgspec.Struct, frozen=True):
    """One table of models.toml. servers: `host:port` or `unix:PATH` of the Open
    Inference Protocol's, the http(s) address before `/v1` of OpenAI's."""

    servers: tuple[str, ...]
    protocol: Protocol = "oip"
    abilities: tuple[Ability, ...] = ("infer",)
    at_servers: str = ""
    version: str = ""
    """Of what the servers have; it is asked for by this name. Empty: theirs."""
    aliases: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ("*",)
    dimensions: int = 0
    max_tokens: int = 0
    weights: dict[str, float] = {}
    """Parts of what there is by tenant where several wait; of any other, 1."""
    limits: Bounds = Bounds()
    prices: Prices = Prices()
    canary: Canary | None = None

    def is_for(self, tenant: str) -> bool:
        return any(fnmatchcase(tenant, pattern) for pattern in self.tenants)


class Models(msgspec.Struct, frozen=True):
    """models.toml, whole."""

    models: Mapping[str, Model] = {}


def parse(text: str, where: str = "models.toml") -> Models:
    """Raises InvalidRequest with everything that is wrong, a line each."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidRequest(f"{where}: not TOML: {error}") from None
    models, wrong = dict[str, Model](), list[str]()
    for name, table in data.items():
        found = list(_name(name)) or list(_table(table))
        wrong += [f"{where}: [{name}] {each}" for each in found]
        if not found:
            models[name] = msgspec.convert(table, Model, dec_hook=as_duration)
    wrong += [f"{where}: {each}" for each in _twice(models)]
    if wrong:
        raise InvalidRequest("\n".join(wrong))
    return Models(models)


def _name(name: str) -> Iterator[str]:
    if not name or len(name) > _LONGEST or set(name) - set(NAME):
        yield f"a model's name has 1 to {_LONGEST} of letters, digits and -_.:/"


def _table(table: Any) -> Iterator[str]:
    if not isinstance(table, dict):
        yield "is a value: a model is a table, with servers = [...] at least"
        return
    found = [*unknown_keys(table, Model), *_types(table)]
    yield from found
    if not found:
        yield from _rules(msgspec.convert(table, Model, dec_hook=as_duration))


def _types(table: dict[str, Any]) -> Iterator[str]:
    hints = get_type_hints(Model)
    for field in msgspec.structs.fields(Model):
        if field.name in table:
            try:
                msgspec.convert(table[field.name], hints[field.name], dec_hook=as_duration)
            except msgspec.ValidationError as error:
                text, _, path = str(error).partition(" - at `$")
                yield f"{field.name}{path.rstrip('`')}: {text}"
        elif field.required:
            yield f"{field.name}: is missing"


def _rules(model: Model) -> Iterator[str]:
    if not model.servers:
        yield "servers: name one at least"
    yield from _addresses("servers", model.servers, model.protocol)
    if model.canary:
        yield from _addresses("canary.servers", model.canary.servers, model.protocol)
        if not model.canary.version or model.canary.version == model.version:
            yield "canary.version: is to be another than the model's"
        if not 0 <= model.canary.percent <= 100:
            yield "canary.percent: 0 to 100"
    limits = model.limits
    if not 1 <= limits.least <= limits.start <= limits.most:
        yield "limits: 1 <= least <= start <= most"
    if limits.waiting < 0:
        yield "limits.waiting: 0 or more"
    if limits.timeout <= 0:
        yield "limits.timeout: more than 0"
    for key in ("prompt_tokens", "completion_tokens", "milliseconds"):
        if not 0 <= getattr(model.prices, key) < float("inf"):
            yield f"prices.{key}: 0 or more"
    for tenant, weight in model.weights.items():
        if not 0.001 <= weight <= 1000:
            yield f"weights.{tenant}: 0.001 to 1000"
    if "embed" in model.abilities and model.protocol == "oip" and model.dimensions < 1:
        yield "dimensions: how many numbers has an embedding of it?"


def _addresses(key: str, servers: Iterable[str], protocol: Protocol) -> Iterator[str]:
    seen = set[str]()
    for address in servers:
        if address in seen:
            yield f"{key}: {address!r} is there twice"
        seen.add(address)
        if not (_is_http(address) if protocol == "openai" else _is_grpc(address)):
            wanted = "http://host:port" if protocol == "openai" else "host:port or unix:PATH"
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
    return (
        bool(host)
        and "/" not in host
        and port.isascii()
        and port.isdigit()
        and 0 < int(port) < 65536
    )


def _twice(models: Mapping[str, Model]) -> Iterator[str]:
    """An alias is no other model's name, nor its alias."""
    owners = dict.fromkeys(models, "")
    for name, model in models.items():
        for alias in model.aliases:
            yield from (f"[{name}] aliases: {each}" for each in _name(alias))
            if alias in owners:
                yield f"[{name}] aliases: {alias!r} is another model's name or alias"
            owners[alias] = name
