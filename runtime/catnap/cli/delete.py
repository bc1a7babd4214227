"""catnap delete."""

from __future__ import annotations

import click

from catnap.cli import output
from catnap.cli.admin import ADMIN, ask, skill_path
from catnap.cli.options import Command, with_json, with_settings
from catnap.cli.settings import Settings
from catnap.cli.several import failures, for_each


@click.command(cls=Command)
@click.argument("skills", nargs=-1, required=True, metavar="SKILL...")
@with_json
@with_settings(*ADMIN)
def delete(settings: Settings, skills: tuple[str, ...], as_json: bool) -> int:
    """Stops serving SKILLs, for every tenant of the gateway that runs here.

    Their folders stay as they are, what is at work is finished, and no edit
    or restart brings them back: `catnap deploy --here` does. From a cluster,
    skills are taken away by `catnap undeploy`. One that cannot be deleted
    leaves the others be.

    \b
    catnap delete echo
    """
    outcomes = for_each(
        dict.fromkeys(skills),
        lambda skill: ask(settings, "DELETE", skill_path(skill), type(None)),
    )
    if as_json:
        results = [{"name": each.skill, "problem": each.problem} for each in outcomes]
        output.as_json({"results": results})
    else:
        for each in outcomes:
            if not each.problem:
                again = f"`catnap deploy --here {each.skill}` serves it"
                output.note(f"{each.skill} is not served any more: {again}")
    return failures(outcomes, "deleted")
