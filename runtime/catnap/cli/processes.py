"""catnap host in the list of commands. It runs, and explains itself, without click:
see catnap.cli.main."""

from __future__ import annotations

import click

host = click.Command("host", short_help="Runs one skill by itself, without the platform.")
