"""catnap files link."""

from __future__ import annotations

import shlex
from urllib.parse import quote

import click
import msgspec

from catnap.cli import direct, output
from catnap.cli.admin import ADMIN, ask
from catnap.cli.connection import tls
from catnap.cli.options import DURATION, Command, with_json, with_settings
from catnap.cli.scope import in_scope
from catnap.cli.settings import Settings
from catnap.cli.transfer import Upload
from catnap.client import File
from catnap.client.options import Scope
from catnap.skills.files import Shared

# For `put --direct`, whose threads must not be the first to meet a type.
_shared, _file = msgspec.json.Decoder(Shared), msgspec.json.Decoder(File)
_LONGEST = 3600
"""Seconds that a gateway makes a link for."""


@click.command(cls=Command)
@click.argument("key")
@click.option("--for", "seconds", type=DURATION, default="10m", help="At most 1h. Default: 10m.")
@click.option(
    "--write",
    "size",
    type=click.IntRange(0),
    metavar="BYTES",
    help="To write the file by, of just so many bytes.",
)
@click.option(
    "--part-size",
    type=click.IntRange(0),
    default=0,
    metavar="BYTES",
    help="With --write: a link for each part of so many bytes, where the store takes parts.",
)
@in_scope
@with_json
@with_settings(*ADMIN)
def link(
    settings: Settings,
    key: str,
    seconds: float,
    size: int | None,
    part_size: int,
    scope: Scope,
    as_json: bool,
) -> None:
    """Gives a link by which anybody may read the file KEY, without a key of theirs.

    With --write it is one to write it by, shown as the commands that do. Nobody
    can take a link back: it is good until its time is over, for this file and
    nothing else.

    \b
    catnap files link report.pdf --user ada
    catnap files link report.pdf --for 1h --task TASK
    catnap files link scan.tiff --write $(stat -c %s scan.tiff) --user ada
    """
    if part_size and size is None:
        raise click.UsageError("--part-size is about --write.")
    shared = shared_at(settings, key, scope, int(seconds), size, part_size)
    if as_json:
        output.as_json(shared)
    elif size is None:
        click.echo(absolute(settings, shared.url))
    else:
        for line in _commands(settings, shared):
            click.echo(line)


def shared_at(
    settings: Settings,
    key: str,
    scope: Scope,
    seconds: int,
    size: int | None = None,
    part_size: int = 0,
) -> Shared:
    """A link to read a file by; with a size, to write it by."""
    session, task = scope.get("session", ""), scope.get("task", "")
    name = f"session:{session}" if session else f"task:{task}" if task else "user"
    path = f"/links/{quote(name, safe='')}/{quote(key)}"
    user = scope.get("user", "")
    if size is None:
        path = f"{path}?seconds={seconds}"
        return _shared.decode(ask(settings, "GET", path, msgspec.Raw, user=user))
    asked = {"size": size, "seconds": seconds, "part_size": part_size}
    return _shared.decode(ask(settings, "POST", path, msgspec.Raw, asked, user=user))


def put_direct(settings: Settings, scope: Scope, advance: direct.Advance, upload: Upload) -> File:
    """Writes a file by a link, past the gateway where it can be."""
    shared = shared_at(settings, upload.key, scope, _LONGEST, upload.size, direct.PART)
    ours = tls(settings) if shared.url.startswith("/") else None
    said = direct.send(shared, upload.path, absolute(settings, shared.url), advance, ours)
    if shared.finish:
        said = ask(settings, "PUT", shared.finish, msgspec.Raw)
    return _file.decode(said)


def absolute(settings: Settings, url: str) -> str:
    """A path of the gateway's as a URL."""
    if not url.startswith("/"):
        return url
    return f"{settings.http if '://' in settings.http else f'http://{settings.http}'}{url}"


def _commands(settings: Settings, shared: Shared) -> list[str]:
    """What sends FILE by the link."""
    said = [
        f"-H {shlex.quote(f'{name}: {value}')}"
        for name, value in shared.headers.items()
        if name != "Content-Length"
    ]
    lines, skipped = [], 0
    for part in shared.parts:
        cut = f"tail -c +{skipped + 1} FILE | head -c {part.size}"
        lines.append(
            f"{cut} | curl -fsS -X PUT -H 'Content-Length: {part.size}' "
            f"--data-binary @- {shlex.quote(part.url)}"
        )
        skipped += part.size
    if not shared.parts:
        lines = [
            " ".join(["curl -fsS -T FILE", *said, shlex.quote(absolute(settings, shared.url))])
        ]
    if shared.finish:
        lines.append(f"curl -fsS -X PUT {shlex.quote(absolute(settings, shared.finish))}")
    return lines
