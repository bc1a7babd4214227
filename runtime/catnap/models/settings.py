"""models.toml: which models there are, and what answers for each.

[minilm-l6-v2]                        # what requests name it by
servers = ["models:8001"]             # whoever has it, by the Open Inference Protocol
abilities = ["embed", "infer"]
dimensions = 384

[ranker]                              # or a server of our own
folder = "models/ranker"              # beside models.toml: model.onnx, or what makes text
device = "cuda"
batch = { size = 64, delay = "5ms", buckets = [64, 256], pad = { input_ids = 0 } }

[writer]
protocol = "openai"                   # or whoever has it by OpenAI's HTTP
servers = ["http://10.0.0.7:8000", "http://10.0.0.8:8000"]
at_servers = "llama-3.1-8b-instruct"  # what these call it
key_env = "WRITER_KEY"                # the variable with the key that they want
abilities = ["generate"]
aliases = ["default"]
tenants = ["acme", "beta-*"]          # whose models list has it
priorities = { acme = 3, beta-7 = 1 } # how urgent their requests may be, of 1 to 3
prices = { prompt_tokens = 0.2, completion_tokens = 0.6 }   # of a million each
limits = { waiting = 500, timeout = "2m" }
canary = { version = "2", percent = 5, servers = ["http://10.0.0.9:8000"] }
wake = { deployment = "models/writer", idle = "10m" }       # it may be at zero
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Literal

import msgspec

from catnap.skills.duration import Duration

Ability = Literal["embed", "generate", "infer"]
Protocol = Literal["oip", "openai"]

ALL = ("*",)
"""Patterns of tenants that each is of."""

HIGHEST = 3
"""Priority of the requests that go first; of the last, 1."""


class Bounds(msgspec.Struct, frozen=True):
    """How much is asked at once. least, most: requests at one server; between
    them it is learnt from how long answers take, beginning with start. waiting:
    requests that wait for room. timeout: of one request, whatever its caller would
    wait."""

    least: int = 4
    most: int = 1024
    start: int = 32
    waiting: int = 4096
    timeout: Duration = Duration(300)


class Batch(msgspec.Struct, frozen=True):
    """How our own server runs requests together. size: rows of one run at most.
    delay: how long the first of them waits for others. buckets: lengths, one of
    which the inputs of a run are filled up to; with none, only inputs of one
    shape run together. pad: what each is filled up with, by its name."""

    size: int = 32
    delay: Duration = Duration(0)
    buckets: tuple[int, ...] = ()
    pad: dict[str, float] = {}


class Prices(msgspec.Struct, frozen=True):
    """What a million of each costs, in the currency that all of them have."""

    prompt_tokens: float = 0.0
    completion_tokens: float = 0.0
    milliseconds: float = 0.0


class Canary(msgspec.Struct, frozen=True):
    """Another version, that some of the requests go to which name none. servers:
    who has it; left out, those that have the model."""

    version: str
    servers: tuple[str, ...] = ()
    percent: float = 0.0


class Wake(msgspec.Struct, frozen=True):
    """A model that costs nothing until somebody asks for it. deployment:
    `namespace/name` of what runs its servers on the gateway's cluster, which is
    scaled from 0 to 1 then. idle: after this time without a request it is at 0
    again; 0 leaves it as it is. timeout: how long its start may take."""

    deployment: str
    idle: Duration = Duration(600)
    timeout: Duration = Duration(300)


class Model(msgspec.Struct, frozen=True):
    """One table of models.toml. servers: `host:port` or `unix:PATH` of the Open
    Inference Protocol's, the http(s) address before `/v1` of OpenAI's. folder: of
    what a server of our own loads; it needs no servers named, unless ours is
    somewhere else."""

    servers: tuple[str, ...] = ()
    folder: str = ""
    protocol: Protocol = "oip"
    abilities: tuple[Ability, ...] = ("infer",)
    at_servers: str = ""
    key_env: str = ""
    version: str = ""
    """Of what the servers have, and then no other can be asked for. Empty or
    `latest`: whichever a request names, and theirs where it names none."""
    aliases: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ALL
    dimensions: int = 0
    max_tokens: int = 0
    device: str = "cpu"
    """That our own server runs it on: `cpu`, `cuda` or `cuda:N`."""
    batch: Batch = Batch()
    weights: dict[str, float] = {}
    """Parts of what there is by tenant where several wait; of any other, 1."""
    priorities: dict[str, int] = {}
    """The highest priority that a tenant's requests have; of any other, HIGHEST."""
    limits: Bounds = Bounds()
    prices: Prices = Prices()
    canary: Canary | None = None
    wake: Wake | None = None

    def is_for(self, tenant: str) -> bool:
        return self.tenants == ALL or any(fnmatchcase(tenant, each) for each in self.tenants)

    def priority(self, tenant: str, asked: int) -> int:
        """asked: 1 to HIGHEST, as the request has it."""
        return min(asked, self.priorities.get(tenant, HIGHEST))


class Models(msgspec.Struct, frozen=True):
    """models.toml, whole."""

    models: Mapping[str, Model] = {}
