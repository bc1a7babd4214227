"""The models that a server of our own has, and where it is."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from catnap.models.rules import BUILT_IN
from catnap.models.settings import Model, Models

MINILM = Model(abilities=("embed", "infer"), version="1", dimensions=384, max_tokens=256)


def complete(config: Models) -> Models:
    """With the one that is always there, unless its table says what answers for it."""
    table = config.models.get(BUILT_IN, Model())
    if table.servers or table.folder:
        return config
    found = replace(
        table,
        abilities=MINILM.abilities,
        version=MINILM.version,
        dimensions=MINILM.dimensions,
        max_tokens=MINILM.max_tokens,
    )
    return Models({**config.models, BUILT_IN: found})


def served(config: Models) -> Iterator[tuple[str, Model]]:
    """Those that a server of ours loads, of what is complete."""
    return (
        (name, model) for name, model in config.models.items() if model.folder or not model.servers
    )


def placed(config: Models, address: str) -> Models:
    """What is complete, with our own server's address where none is named, and as
    many requests there at least as make a batch: with fewer it is at rest."""
    return Models({name: _placed(model, address) for name, model in config.models.items()})


def _placed(model: Model, address: str) -> Model:
    if model.servers and not model.folder:
        return model
    size, limits = model.batch.size, model.limits
    filled = replace(
        limits,
        least=max(limits.least, size),
        start=max(limits.start, 2 * size),  # one is at work, and the next one is there
        most=max(limits.most, 2 * size),
    )
    if model.servers:
        return replace(model, limits=filled)
    canary = model.canary and replace(model.canary, servers=model.canary.servers or (address,))
    return replace(model, servers=(address,), canary=canary, limits=filled)
