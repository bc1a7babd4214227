"""models.toml as it is read, and what is wrong with it: all at once, each with its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from catnap.errors import InvalidRequest
from catnap.models.lines import line
from catnap.models.rules import BUILT_IN, broken
from catnap.models.settings import Model, Models
from catnap.skills.manifest import as_duration, unknown_keys

NAME = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/"
"""Of a model: what the names of model hubs are made of."""
_LONGEST = 200
_KEY = re.compile(r"(?:unknown key ')?([\w.-]+)")


def read(path: Path) -> Models:
    """Raises InvalidRequest as parse does, and where the file cannot be read."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{path}: cannot be read: {error}") from None
    return parse(text, str(path), path.parent)


def parse(text: str, where: str = "models.toml", root: Path = Path()) -> Models:
    """where: how the file is called. root: what the models' folders are in.

    Raises InvalidRequest with everything that is wrong, a line each, as
    `where:LINE: [model] key: what, and what to do`.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidRequest(f"{where}: not TOML: {error}") from None
    models, wrong = dict[str, Model](), list[tuple[str, str]]()
    for name, table in data.items():
        found = list(_name(name)) or list(_table(name, table))
        wrong += [(name, each) for each in found]
        if not found:
            models[name] = _model(table)
    wrong += _twice(models)
    if wrong:
        raise InvalidRequest("\n".join(_said(text, where, *each) for each in wrong))
    return Models({name: _whole(model, root) for name, model in models.items()})


def _said(text: str, where: str, name: str, wrong: str) -> str:
    key = _KEY.match(wrong)
    path = (name, *key[1].split(".")) if key else (name,)
    return f"{where}:{line(text, path)}: [{name}] {wrong}"


def _model(table: Mapping[str, Any]) -> Model:
    return msgspec.convert(table, Model, dec_hook=as_duration)


def _whole(model: Model, root: Path) -> Model:
    canary = model.canary
    if canary and not canary.servers:
        canary = msgspec.structs.replace(canary, servers=model.servers)
    return msgspec.structs.replace(
        model,
        folder=str(root / model.folder) if model.folder else "",
        version="" if model.version == "latest" else model.version,
        canary=canary,
    )


def _name(name: str) -> Iterator[str]:
    if not name or len(name) > _LONGEST or set(name) - set(NAME):
        yield f"a model's name has 1 to {_LONGEST} of letters, digits and -_.:/"


def _table(name: str, table: Any) -> Iterator[str]:
    if not isinstance(table, dict):
        yield "is a value: a model is a table, with servers = [...] or folder = ... at least"
        return
    found = [*unknown_keys(table, Model), *_types(table)]
    yield from found or broken(name, table, _model(table))


def _types(table: dict[str, Any]) -> Iterator[str]:
    hints = get_type_hints(Model)
    for field in msgspec.structs.fields(Model):
        if field.name in table:
            try:
                msgspec.convert(table[field.name], hints[field.name], dec_hook=as_duration)
            except msgspec.ValidationError as error:
                text, _, path = str(error).partition(" - at `$")
                yield f"{field.name}{path.rstrip('`')}: {text}"


def _twice(models: Mapping[str, Model]) -> Iterator[tuple[str, str]]:
    """An alias is no other model's name, nor its alias."""
    owners = dict.fromkeys((*models, BUILT_IN), "")
    for name, model in models.items():
        for alias in model.aliases:
            yield from ((name, f"aliases: {each}") for each in _name(alias))
            if alias in owners:
                yield name, f"aliases: {alias!r} is another model's name or alias"
            owners[alias] = name
