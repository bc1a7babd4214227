"""catnap files."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click

from catnap.cli import output
from catnap.cli.connection import gateway
from catnap.cli.file_links import link, put_direct
from catnap.cli.file_moves import cp, mv
from catnap.cli.options import (
    CLIENT,
    Group,
    for_session,
    for_user,
    with_json,
    with_settings,
)
from catnap.cli.scope import in_scope
from catnap.cli.settings import Settings
from catnap.cli.transfer import Upload, check_free, count, destination, uploads
from catnap.client import Client, File
from catnap.client.content import chunks
from catnap.client.options import Scope
from catnap.errors import CatnapError, NotFound

_PARALLEL = 4
Advance = Callable[[int], object]


@click.group(cls=Group)
def files() -> None:
    """The files of a user, a session or a task.

    \b
    catnap files put notes/ report.pdf --user ada
    catnap files list --user ada
    catnap files get report.pdf --user ada
    catnap files link report.pdf --user ada
    """


@files.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--to", "prefix", default="", metavar="PREFIX", help="Put them below this prefix.")
@click.option("--direct", is_flag=True, help="Past the gateway, where files are in a bucket.")
@for_user
@for_session
@with_json
@with_settings("http", *CLIENT)
def put(
    settings: Settings,
    paths: tuple[str, ...],
    prefix: str,
    direct: bool,
    user: str,
    session: str,
    as_json: bool,
) -> None:
    """Writes files and whole folders.

    A folder keeps its name (`put notes` writes notes/...); with a slash at the
    end only what is in it is put (`put notes/`). With --direct the content goes
    straight to the bucket by links, a large file in several parts at once.

    \b
    catnap files put report.pdf --user ada
    catnap files put notes --to 2026 --user ada        2026/notes/...
    catnap files put scans.tar --direct --user ada
    """
    found = uploads(paths, prefix)
    scope: Scope = {"user": user, "session": session}
    with gateway(settings) as client, _progress(sum(each.size for each in found)) as advance:
        by = partial(put_direct, settings) if direct else partial(_put_one, client)
        written = _put_all(client, found, partial(by, scope, advance))
    if as_json:
        output.as_json(written)
    else:
        total = output.size(sum(file.size for file in written))
        click.echo(f"put {count(len(written))}, {total}")


def _put_all(client: Client, found: list[Upload], put: Callable[[Upload], File]) -> list[File]:
    pool = ThreadPoolExecutor(_PARALLEL)

    def one(upload: Upload) -> File:
        try:
            return put(upload)
        except CatnapError as error:
            error.message = f"{upload.path}: {error.message}"
            raise

    try:
        return list(pool.map(one, found))
    except BaseException:
        client.close()  # the other uploads end with it
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _put_one(client: Client, scope: Scope, advance: Advance, upload: Upload) -> File:
    def content() -> Iterator[bytes]:
        for chunk in chunks(upload.path):
            yield chunk
            advance(len(chunk))

    return client.files.put(upload.key, content(), **scope)


@files.command()
@click.argument("key")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Overwrite what is there.")
@in_scope
@with_json
@with_settings(*CLIENT)
def get(
    settings: Settings,
    key: str,
    path: Path | None,
    force: bool,
    scope: Scope,
    as_json: bool,
) -> None:
    """Reads the file KEY into PATH, or with `-` to stdout.

    A KEY that ends in a slash stands for every file below it, and PATH for a
    folder.

    \b
    catnap files get report.pdf --user ada
    catnap files get notes/ backup --user ada
    catnap files get notes/monday.txt - | wc
    catnap files get result.parquet --task TASK --user ada
    """
    with gateway(settings) as client:
        if path == Path("-") and not key.endswith("/"):
            with client.files.get(key, **scope) as download:
                for chunk in download:
                    click.echo(chunk, nl=False)
            return
        target = path or Path(key.rstrip("/").rpartition("/")[2] or ".")
        if key.endswith("/"):
            keys = [file.key for file in client.files.list(key, **scope)]
            if not keys:
                raise NotFound(f"no file below {key!r}: `catnap files list` shows what there is")
            pairs = [(each, destination(each, key, target)) for each in keys]
        else:
            pairs = [(key, target / key.rpartition("/")[2] if target.is_dir() else target)]
        for _, place in pairs:
            check_free(place, force)
        got = [_get_one(client, each, place, scope) for each, place in pairs]
    if as_json:
        output.as_json(got)
    else:
        where = pairs[0][1] if len(pairs) == 1 else f"{count(len(pairs))} below {target}"
        click.echo(f"got {where}, {output.size(sum(file.size for file in got))}")


def _get_one(client: Client, key: str, path: Path, scope: Scope) -> File:
    with client.files.get(key, **scope) as download, _progress(download.head.size) as advance:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.part")
        try:
            with aside.open("wb") as file:
                for chunk in download:
                    file.write(chunk)
                    advance(len(chunk))
            shutil.move(aside, path)
        finally:
            aside.unlink(missing_ok=True)
        return download.head


@files.command("list")
@click.argument("prefix", default="")
@in_scope
@with_json
@with_settings(*CLIENT)
def list_(settings: Settings, prefix: str, scope: Scope, as_json: bool) -> None:
    """Lists the files whose key begins with PREFIX."""
    with gateway(settings) as client:
        found = list(client.files.list(prefix, **scope))
    if as_json:
        output.as_json(found)
        return
    output.table(
        ("key", "size", "modified", "type"),
        [(f.key, output.size(f.size), output.when(f.modified), f.content_type) for f in found],
        empty="no files",
    )


@files.command()
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@click.option("-r", "--recursive", is_flag=True, help="Take a KEY for everything below it.")
@in_scope
@with_json
@with_settings(*CLIENT)
def rm(
    settings: Settings,
    keys: tuple[str, ...],
    recursive: bool,
    scope: Scope,
    as_json: bool,
) -> None:
    """Removes files.

    \b
    catnap files rm report.pdf --user ada
    catnap files rm -r notes --user ada
    """
    with gateway(settings) as client:
        removed = []
        for key in keys:
            below = [key]
            if recursive:
                folder = key.rstrip("/") + "/"
                below = [file.key for file in client.files.list(folder, **scope)]
                if not below:
                    raise NotFound(f"no file below {folder!r}")
            for each in below:
                client.files.delete(each, **scope)
                removed.append(each)
    if as_json:
        output.as_json(removed)
    else:
        click.echo(f"removed {count(len(removed))}")


for _command in (cp, mv, link):
    files.add_command(_command)


@contextmanager
def _progress(total: int) -> Iterator[Advance]:
    """A bar on stderr, if a person is looking and there is something to see."""
    if not sys.stderr.isatty() or total < 4_000_000:
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("", total=total)
        yield lambda count: progress.advance(bar, count)
