"""`catnap deploy --here`: to the gateway that runs on this machine."""

from __future__ import annotations

import click

from catnap.cli import exits, output
from catnap.cli.admin import ask, skill_path
from catnap.cli.settings import Settings
from catnap.errors import CatnapError, Unavailable
from catnap.services.snapshot import Service


def deploy_here(settings: Settings, skills: list[str], as_json: bool) -> int:
    """Has each folder taken up as it is now. One that cannot be leaves what
    runs, and the others are deployed all the same."""
    done: list[Service] = []
    failed: list[CatnapError] = []
    for skill in skills:
        try:
            done.append(ask(settings, "POST", skill_path(skill, "deploy"), Service))
        except Unavailable:
            raise
        except CatnapError as error:
            failed.append(error)
            output.note(f"{skill}: {exits.line(error)}")
    if as_json:
        output.as_json(done)
        return exits.status(failed[0]) if failed else 0
    for service in done:
        newest = next(each for each in service.revisions if each.latest)
        click.echo(newest.name)
        if newest.percent < 100:
            output.note(
                f"{newest.name} gets {newest.percent} % of the calls: "
                f"`catnap traffic {service.name}` shows who gets the others"
            )
    return exits.status(failed[0]) if failed else 0
