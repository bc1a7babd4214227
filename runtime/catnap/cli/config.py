"""catnap config."""

from __future__ import annotations

import os
from pathlib import Path

import click

from catnap.cli import exits, output
from catnap.cli.options import Group, with_json


@click.group(cls=Group)
def config() -> None:
    """Settings: catnap.toml, CATNAP_ variables and skills' manifests."""


@config.command()
@click.option("--functions", metavar="TEXT", help="Folder of skills. Also CATNAP_FUNCTIONS.")
@click.option("--home", metavar="TEXT", help="State folder. Also CATNAP_HOME.")
@with_json
def check(functions: str | None, home: str | None, as_json: bool) -> int:
    """Looks at the whole configuration, starts nothing, and says all that is
    wrong with it: catnap.toml, the environment, and the manifest of every skill.

    The exit status is 2 where something is wrong.

    \b
    catnap config check
    catnap config check --functions other-skills --json
    """
    from catnap.cli.config_check import check as look

    found = look({"functions": functions, "home": home}, os.environ, Path.cwd())
    if as_json:
        output.as_json(found)
    else:
        rows = [(each.where, each.problem) for each in found.problems]
        looked_at = f"{found.file or 'no catnap.toml'}, {len(found.skills)} skills"
        output.table(("where", "what to do"), rows, empty=f"nothing is wrong: {looked_at}")
    return exits.USAGE if found.problems else 0
