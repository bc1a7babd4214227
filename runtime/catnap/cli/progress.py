"""A deploy while it goes on: a table that changes, or a line for each change."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from catnap.services.knative.order import State

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

_SIGN = {"working": "…", "ready": "✓", "failed": "✗"}
_COLOR = {"working": "yellow", "ready": "green", "failed": "red"}


@dataclass(frozen=True)
class _Part:
    state: State
    text: str
    trouble: str


class Progress:
    """Written to stderr: the result is what stdout gets."""

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._parts: dict[str, _Part] = {}
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if not self._quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(stderr=True), transient=True, refresh_per_second=8)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.stop()

    def tell(self, label: str, state: State, text: str, trouble: str = "") -> None:
        if self._quiet:
            return
        before = self._parts.get(label)
        self._parts[label] = _Part(state, text, trouble)
        if self._live:
            self._live.update(self._table())
        elif before is None or (before.state, before.text) != (state, text):
            # Why it failed is part of the result, which is told in the end.
            click.echo(f"{label}: {text if state == 'working' else state}", err=True)

    def _table(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 1))
        for label, part in self._parts.items():
            sign = Text(_SIGN[part.state], style=_COLOR[part.state])
            text = Text(f"{part.text}: {part.trouble}" if part.trouble else part.text)
            table.add_row(sign, Text(label, style="bold"), text)
        return table
