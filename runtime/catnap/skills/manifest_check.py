"""All that is wrong with a skill.toml, where reading it tells the first thing."""

from __future__ import annotations

import tomllib
from typing import Any, get_type_hints

import msgspec

from catnap.skills.manifest import (
    Manifest,
    as_duration,
    broken_rules,
    unknown_keys,
)


def problems(text: str) -> list[str]:
    """Each beginning with the key that it is about. Of a table whose values
    have wrong types, the first; rules are looked at once all types are right."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return [f"not TOML: {error}"]
    found = [*unknown_keys(data, Manifest), *_wrong_types(data)]
    if not found:
        manifest = msgspec.convert(data, Manifest, dec_hook=as_duration)
        found = list(broken_rules(manifest))
    return found


def _wrong_types(data: dict[str, Any]) -> list[str]:
    hints = get_type_hints(Manifest)
    found = []
    for field in msgspec.structs.fields(Manifest):
        key = field.name
        if key not in data:
            if field.required:
                found.append(f"{key}: is missing")
            continue
        try:
            msgspec.convert(data[key], hints[key], dec_hook=as_duration)
        except msgspec.ValidationError as error:
            text, _, path = str(error).partition(" - at `$")
            found.append(f"{key}{path.rstrip('`')}: {text}")
    return found
