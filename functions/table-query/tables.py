"""Which table stands for which file, and how DuckDB reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from catnap import InvalidRequest

_LINES = "read_json({path}, sample_size={sample}, format='newline_delimited')"
_READERS = {
    ".csv": "read_csv({path}, sample_size={sample})",
    ".tsv": "read_csv({path}, sample_size={sample}, delim='\\t')",
    ".parquet": "read_parquet({path})",
    ".json": "read_json({path}, sample_size={sample})",
    ".ndjson": _LINES,
    ".jsonl": _LINES,
}
_ENDING = re.compile(r"(\.\w+?)(\.gz)?\Z", re.ASCII)
_NAME = re.compile(r"[^\W\d]\w*\Z")


@dataclass(frozen=True)
class Table:
    """`name` in the query, `key` of the user's file, and how it is read."""

    name: str
    key: str
    ending: str
    """`.csv`, or `.csv.gz` and the like: DuckDB unpacks by it."""
    reader: str
    """The table function; {path} is its file, {sample} the rows that decide
    on the columns' types, -1 for all."""


def tables(files: Mapping[str, str] | Sequence[str]) -> list[Table]:
    """Tables by name. Raises InvalidRequest for what is no table."""
    if not files:
        raise InvalidRequest("files: name at least one file, such as {'sales': 'data/sales.csv'}")
    named = files.items() if isinstance(files, Mapping) else [(_name(key), key) for key in files]
    found: dict[str, Table] = {}
    for name, key in named:
        if not _NAME.match(name):
            raise InvalidRequest(f"files: {name!r} is no table name: use letters, digits and '_'")
        # Names in SQL are the same whatever their case.
        if name.lower() in found:
            raise InvalidRequest(
                f"files: {found[name.lower()].key!r} and {key!r} would both be the table {name!r}: "
                "give names, as {name: key}"
            )
        found[name.lower()] = _table(name, key)
    return list(found.values())


def _table(name: str, key: str) -> Table:
    match = _ENDING.search(key.lower())
    reader = _READERS.get(match[1]) if match else None
    if match is None or reader is None:
        raise InvalidRequest(f"files: {key!r} is not one of {', '.join(_READERS)}")
    return Table(name, key, match[0], reader)


def _name(key: str) -> str:
    """`data/2024 sales.csv` as `_2024_sales`."""
    stem = PurePosixPath(key).name.partition(".")[0]
    name = re.sub(r"\W+", "_", stem) or "_"
    return f"_{name}" if name[0].isdigit() else name
