"""catnap logs."""

from __future__ import annotations

import click
import msgspec

from catnap.cli import output
from catnap.cli.connection import gateway
from catnap.cli.options import CLIENT, Command, with_json, with_settings
from catnap.cli.settings import Settings


@click.command(cls=Command)
@click.argument("skill")
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on.")
@click.option(
    "-n",
    "--tail",
    default=100,
    show_default=True,
    type=click.IntRange(0, 10_000),
    help="Lines from the end to begin with.",
)
@with_json
@with_settings(*CLIENT)
def logs(settings: Settings, skill: str, follow: bool, tail: int, as_json: bool) -> None:
    """Prints what SKILL's instances wrote."""
    with gateway(settings) as client:
        for record in client.skills.logs(skill, tail=tail, follow=follow):
            if as_json:
                click.echo(msgspec.json.encode(record))
                continue
            mark = "!" if record.stream == "stderr" else " "
            level = f"{record.level}: " if record.level else ""
            click.echo(f"{output.when(record.time)} {record.instance}{mark} {level}{record.text}")
