"""catnap skills."""

from __future__ import annotations

import click
import msgspec

from catnap.cli import output
from catnap.cli.connection import gateway
from catnap.cli.options import CLIENT, Group, with_json, with_settings
from catnap.cli.settings import Settings


@click.group(cls=Group)
def skills() -> None:
    """The skills that can be called."""


@skills.command("list")
@with_json
@with_settings(*CLIENT)
def list_(settings: Settings, as_json: bool) -> None:
    """Lists the skills by name."""
    with gateway(settings) as client:
        found = client.skills.list()
    if as_json:
        output.as_json(found)
        return
    output.table(
        ("skill", "revision", "instances", "description"),
        [(s.name, s.revision, s.instances, s.problem or s.description) for s in found],
        empty="no skills: `catnap new NAME` writes one",
    )


@skills.command()
@click.argument("skill")
@with_json
@with_settings(*CLIENT)
def show(settings: Settings, skill: str, as_json: bool) -> None:
    """Shows one skill, with the schemas an agent calls it by."""
    with gateway(settings) as client:
        found = client.skills.get(skill)
    if as_json:
        output.as_json(found)
        return
    shown = {
        "skill": found.name,
        "": found.description,
        "version": found.version,
        "revision": found.revision,
        "instances": found.instances,
        "timeout": f"{found.timeout:g} s",
        "triggers": ", ".join(found.triggers),
        "problem": found.problem,
    }
    for name, value in shown.items():
        if value != "":
            click.echo(f"{name:<10} {value}")
    for name, schema in (("input", found.input_schema), ("output", found.output_schema)):
        if schema is not None:
            click.echo(f"{name}:")
            click.echo(msgspec.json.format(msgspec.json.encode(schema), indent=2))
