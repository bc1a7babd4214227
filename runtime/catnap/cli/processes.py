"""catnap host and catnap models in the list of commands. Both run, and explain
themselves, without click: see catnap.cli.main."""

from __future__ import annotations

import click

host = click.Command("host", short_help="Runs one skill by itself, without the platform.")
models = click.Command("models", short_help="Runs the model server; `serve` starts one by itself.")
