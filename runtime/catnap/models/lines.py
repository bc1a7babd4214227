"""Where in a TOML file something stands, which its parser does not tell."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterator, Sequence
from typing import Any

Path = tuple[str, ...]


def line(text: str, path: Sequence[str]) -> int:
    """The number, from 1, of the line where a key stands, or the nearest table or
    inline table around it; 1 where there is none."""
    best, found = 0, 1
    for number, place in _places(text):
        shared = _shared(path, place)
        if shared == len(place) and shared > best:
            best, found = shared, number
    return found


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


def _places(text: str) -> Iterator[tuple[int, Path]]:
    """Each line that names a table or a key, with its path from the root."""
    table: Path = ()
    for number, each in enumerate(text.splitlines(), 1):
        if each.lstrip().startswith("["):
            table = _path(each) or table
            yield number, table
        elif "=" in each and (key := _path(each.partition("=")[0] + "= 0")):
            yield number, (*table, *key)


def _path(written: str) -> Path:
    """What a header or `key = 0` names; empty where it is neither."""
    try:
        data: Any = tomllib.loads(written)
    except tomllib.TOMLDecodeError:
        return ()
    path: list[str] = []
    while isinstance(data, dict) and data:
        key, data = next(iter(data.items()))
        path.append(key)
    return tuple(path)
