"""A query's result as the caller reads it.

Numbers are JSON numbers with all their digits. A type that JSON lacks is the
text that DuckDB casts it to: dates and times as `2024-01-31 12:00:00`, a
TIMESTAMPTZ in UTC with its offset, a BLOB with `\\xFF` for what is not
printable, and NaN, Infinity and -Infinity as these words. Lists are arrays,
structs and maps objects.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

INLINE = 256 * 1024
"""Bytes of JSON up to which all rows are in the answer."""
PREVIEW = 16 * 1024
"""Bytes of JSON of the rows that stand beside a file."""

_NOT_JSON = re.compile(r'"(?:[^"\\]|\\.)*"|-?Infinity|NaN')


class Column(msgspec.Struct):
    name: str
    type: Annotated[str, Meta(description="DuckDB's name of the type, such as BIGINT")]


class ResultFile(msgspec.Struct):
    """Where the whole result is. To get it: `catnap files get KEY`, with
    `--task TASK` where the scope is task, or the same scope in the Files API.
    Other skills and queries reach files of the user's scope only: name one by
    `save` for them."""

    scope: Literal["user", "task"]
    task: Annotated[str, Meta(description="the task whose file it is; empty in the user's scope")]
    key: Annotated[str, Meta(description="its key within the scope")]
    size: Annotated[int, Meta(description="bytes")]


class Result(msgspec.Struct):
    columns: list[Column]
    rows: Annotated[
        list[msgspec.Raw],
        Meta(description="arrays of values, one per column; only the first rows beside a file"),
    ]
    row_count: Annotated[int, Meta(description="rows of the whole result")]
    file: Annotated[
        ResultFile | None,
        Meta(
            description="the whole result, where `save` names a file for it, or as Parquet in the "
            "task's files where it is above 256 KiB: `catnap files get KEY --task TASK` gets it"
        ),
    ] = None


def within(rows: Iterable[str], limit: int) -> tuple[list[msgspec.Raw], bool]:
    """The first rows whose JSON fits into `limit` bytes, and whether that is all."""
    kept: list[msgspec.Raw] = []
    size = 2
    for row in rows:
        data = json(row).encode()
        size += len(data) + 1
        if size > limit:
            return kept, False
        kept.append(msgspec.Raw(data))
    return kept, True


def json(row: str) -> str:
    """DuckDB's JSON as JSON: NaN and the infinities become strings."""
    if "NaN" not in row and "Infinity" not in row:
        return row
    return _NOT_JSON.sub(lambda m: m[0] if m[0].startswith('"') else f'"{m[0]}"', row)
