"""SQL over the user's files: rows and schema back, or a file of them."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, TypeVar

import msgspec
from database import Database
from msgspec import Meta
from result import INLINE, PREVIEW, Column, Result, ResultFile, within
from settings import settings
from tables import Table, tables

from catnap import Context, InvalidRequest, NotFound, SkillError, skill

T = TypeVar("T")
_FORMS = {".parquet": "PARQUET", ".csv": "CSV", ".json": "JSON"}


class Query(msgspec.Struct, forbid_unknown_fields=True):
    sql: Annotated[
        str, Meta(min_length=1, description="one query in DuckDB's SQL over the tables of `files`")
    ]
    files: Annotated[
        dict[str, str] | list[str],
        Meta(
            description="keys of the user's .csv, .tsv, .parquet, .json, .ndjson or .jsonl files "
            "by table name, or as a list: then data/sales.csv is the table sales"
        ),
    ]
    save: Annotated[
        str,
        Meta(
            description="key in the user's files for the whole result: .parquet, .csv or .json; "
            "to query it again, or to hand it to the user"
        ),
    ] = ""


@skill
async def query(ctx: Context, request: Query) -> Result:
    named = tables(request.files)
    ending = Path(request.save).suffix.lower() or ".parquet"
    if ending not in _FORMS:
        raise InvalidRequest(f"save: {request.save!r} is not one of {', '.join(_FORMS)}")
    with TemporaryDirectory(prefix="table-query-") as name:
        folder = Path(name).resolve()
        paths = {table: folder / f"{n}{table.ending}" for n, table in enumerate(named)}
        await _fetch(ctx, paths, settings().input)
        output = folder / f"result{ending}"
        database = Database(paths, output, settings())
        try:
            result, is_whole = await _interruptible(
                database, lambda: _run(database, request.sql, bool(request.save))
            )
            if request.save or not is_whole:
                await _interruptible(database, lambda: database.save(_FORMS[ending]))
                result.file = await _keep(ctx, output, request.save)
        finally:
            database.close()
    return result


def _run(database: Database, sql: str, is_saved: bool) -> tuple[Result, bool]:
    database.open()
    count = database.run(sql)
    columns = [Column(name, kind) for name, kind in database.columns()]
    rows, is_whole = within(database.rows(), PREVIEW if is_saved else INLINE)
    if not is_whole and not is_saved:
        rows, _ = within(database.rows(), PREVIEW)
    return Result(columns, rows, count), is_whole


async def _fetch(ctx: Context, paths: Mapping[Table, Path], limit: int) -> None:
    size = 0
    for table, path in paths.items():
        try:
            with path.open("wb") as file:
                async for chunk in ctx.files.stream(table.key):
                    size += len(chunk)
                    if size > limit:
                        raise SkillError(f"the files are larger than {limit:,} bytes together")
                    file.write(chunk)
        except NotFound:
            raise NotFound(await _missing(ctx, table.key)) from None


async def _missing(ctx: Context, key: str) -> str:
    close = difflib.get_close_matches(key, [file.key for file in await ctx.files.list()], 3)
    hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
    return f"the user has no file {key!r}{hint}"


async def _keep(ctx: Context, output: Path, key: str) -> ResultFile:
    async def chunks() -> AsyncIterator[bytes]:
        with output.open("rb") as file:
            while chunk := file.read(256 * 1024):
                yield chunk

    if key:
        file = await ctx.files.write(key, chunks())
        return ResultFile("user", "", file.key, file.size)
    file = await ctx.files.task.write(f"result{output.suffix}", chunks())
    return ResultFile("task", ctx.task, file.key, file.size)


async def _interruptible(database: Database, work: Callable[[], T]) -> T:
    """Work in a thread that ends when the call does: DuckDB would go on."""
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        # Once is not enough: between two statements nobody hears it.
        while not running.done():
            database.interrupt()
            await asyncio.wait([running], timeout=0.05)
        running.exception()  # it was interrupted, and nobody asks
        raise
