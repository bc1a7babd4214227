"""catnap delete."""

from __future__ import annotations

import click

from catnap.cli import output
from catnap.cli.admin import ADMIN, ask, skill_path
from catnap.cli.options import Command, with_json, with_settings
from catnap.cli.settings import Settings


@click.command(cls=Command)
@click.argument("skills", nargs=-1, required=True, metavar="SKILL...")
@with_json
@with_settings(*ADMIN)
def delete(settings: Settings, skills: tuple[str, ...], as_json: bool) -> None:
    """Stops serving SKILLs, for every tenant of the gateway that runs here.

    Their folders stay as they are, what is at work is finished, and no edit
    or restart brings them back: `catnap deploy --here` does. From a cluster,
    skills are taken away by `catnap undeploy`.

    \b
    catnap delete echo
    """
    wanted = list(dict.fromkeys(skills))
    for skill in wanted:
        ask(settings, "DELETE", skill_path(skill), type(None))
        output.note(f"{skill} is not served any more: `catnap deploy --here {skill}` serves it")
    if as_json:
        output.as_json(wanted)
