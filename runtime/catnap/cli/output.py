"""How results are shown: tables for people, JSON for programs."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from catnap.client import Payload, Task
from catnap.errors import CatnapError

_NUMBERS = ("size", "attempts", "instances", "at work", "waiting", "sessions")

_TEXT = (
    "decision",
    "description",
    "error",
    "found",
    "image",
    "tags",
    "traffic",
    "type",
    "what to do",
)

_PADDING = re.compile(r" +(\x1b\[0m)?$")

_GAP = 2
_NARROW = 12
"""Letters between two columns, and of a text that gives way, at least."""


def as_json(value: Any) -> None:
    """One JSON value; on a terminal over several lines."""
    encoded = msgspec.json.encode(value, enc_hook=_encode)
    if sys.stdout.isatty():
        encoded = msgspec.json.format(encoded, indent=2)
    click.echo(encoded)


def _encode(value: object) -> object:
    if isinstance(value, CatnapError):
        return {
            "name": type(value).__name__,
            "message": value.message,
            "retryable": value.retryable,
        }
    raise NotImplementedError(f"{type(value)} as JSON")


def document(payload: Payload) -> Any:
    """A payload inside JSON: itself where it is JSON, else text, else base64."""
    if payload.is_json:
        return msgspec.Raw(payload.data or b"null")
    try:
        return payload.data.decode()
    except UnicodeDecodeError:
        return payload.data


def task(value: Task) -> dict[str, Any]:
    """A task as JSON shows it."""
    members = {name: getattr(value, name) for name in value.__dataclass_fields__}
    return {**members, "result": document(value.result) if value.result else None}


def body(payload: Payload) -> None:
    """A payload by itself: to a program as it is, to a person readable."""
    if not sys.stdout.isatty():
        click.echo(payload.data, nl=False)
        return
    if payload.is_json:
        try:
            click.echo(msgspec.json.format(payload.data, indent=2))
            return
        except msgspec.DecodeError:
            pass
    try:
        text = payload.data.decode()
    except UnicodeDecodeError:
        click.echo(
            f"{size(len(payload.data))} of {payload.content_type}: send it to a file with `> FILE`",
            err=True,
        )
        return
    click.echo(text, nl=not text.endswith("\n"))


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    empty: str,
    numbers: Sequence[str] = _NUMBERS,
) -> None:
    """Rows below their headings; `empty` says what it means that there is none,
    `numbers` are the columns set to the right."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    found = [[Text("" if cell is None else plain(str(cell))) for cell in row] for row in rows]
    if not found:
        click.echo(empty, err=True)
        return
    shown = Table(box=None, pad_edge=False, header_style="bold")
    least = -_GAP
    for column, *cells in zip(columns, *found, strict=True):
        # What is copied, an id or a key, stays in one line; text gives way.
        whole = column not in _TEXT
        widest = max(len(column), *(cell.cell_len for cell in cells))
        least += _GAP + (widest if whole else min(widest, _NARROW))
        shown.add_column(
            column,
            justify="right" if column in numbers else "left",
            overflow="fold",
            no_wrap=whole,
            min_width=widest if whole else None,
        )
    for row in found:
        shown.add_row(*row)
    console = Console(highlight=False)
    # A program that reads a table gets whole lines, however long; and so does a
    # terminal that is too narrow, which breaks them: nothing is cut off.
    if least > console.width or not sys.stdout.isatty():
        console.width = 10_000
    with console.capture() as capture:
        console.print(shown)
    for line in capture.get().splitlines():
        click.echo(_PADDING.sub(r"\1", line))


def plain(text: str) -> str:
    """Text that somebody else has chosen, on a terminal: what steers it, or the
    direction that it writes in, is shown as an escape."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def size(count: int) -> str:
    """Bytes as people say them."""
    amount = float(count)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def when(moment: datetime | float | None) -> str:
    """A moment, or seconds since the epoch, in the reader's own time zone;
    nothing for none."""
    if not moment:
        return ""
    if not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(moment, UTC)
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def rfc3339(seconds: float) -> str:
    """Seconds since the epoch, as JSON for a program has them."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def note(text: str) -> None:
    """For a person, beside the result: on stderr."""
    click.echo(text, err=True)
