"""catnap secrets."""

from __future__ import annotations

import sys

import click
import msgspec

from catnap.cli import output
from catnap.cli.cluster import Access, with_cluster
from catnap.cli.options import Group, with_json, with_settings
from catnap.cli.revisions import with_tenant
from catnap.cli.secret_places import place
from catnap.cli.settings import Settings
from catnap.cli.switchboard import SETTINGS

of_skill = click.option("--skill", required=True, help="Whose it is.")


@click.group(cls=Group)
def secrets() -> None:
    """What skills need to know and nobody else: kept encrypted, never shown."""


@secrets.command("set")
@click.argument("name")
@of_skill
@with_tenant
@with_cluster
@with_json
@with_settings(*SETTINGS)
def set_(
    settings: Settings, access: Access, name: str, skill: str, tenant: str, as_json: bool
) -> None:
    """Sets the secret NAME of a skill; asks for the value, or reads it from stdin.

    The skill's manifest names it: names = ["api-key"] in [secrets]. Of what
    stdin gives, one line end at the end is not part of it. Instances that start
    from now on have it.

    With --kubeconfig or --context it is kept by that cluster, in the Secret of
    the skill in the namespace of its tenant, with your own rights there: the
    gateway has none to Secrets. Instances that run have it within a minute or two.

    \b
    catnap secrets set api-key --skill search
    catnap secrets set api-key --skill search --context production
    catnap secrets set api-key --skill search --tenant acme < key.txt
    """
    place(settings, access, tenant).put(skill, name, _value())
    _said(skill, name, "set", as_json)


@secrets.command()
@click.argument("name")
@of_skill
@with_tenant
@with_cluster
@with_json
@with_settings(*SETTINGS)
def remove(
    settings: Settings, access: Access, name: str, skill: str, tenant: str, as_json: bool
) -> None:
    """Removes the secret NAME of a skill. Instances that run keep it to their end,
    and on a cluster for a minute or two.

    \b
    catnap secrets remove api-key --skill search
    """
    place(settings, access, tenant).remove(skill, name)
    _said(skill, name, "removed", as_json)


@secrets.command("list")
@with_tenant
@with_cluster
@with_json
@with_settings(*SETTINGS)
def list_(settings: Settings, access: Access, tenant: str, as_json: bool) -> None:
    """Lists the secrets that are set, and those that skills ask for; no values.

    \b
    catnap secrets list --tenant acme
    """
    found = place(settings, access, tenant).list()
    if as_json:
        output.as_json([{**msgspec.structs.asdict(each), "state": each.state} for each in found])
        return
    rows = [
        (each.skill, each.name, each.state, output.when(each.updated), each.author)
        for each in found
    ]
    output.table(("skill", "name", "state", "updated", "author"), rows, empty="no secrets")


def _value() -> bytes:
    if sys.stdin.isatty():
        value: str = click.prompt("Value", hide_input=True, confirmation_prompt=True, err=True)
        return value.encode()
    given = sys.stdin.buffer.read()
    return given.removesuffix(b"\n").removesuffix(b"\r")


def _said(skill: str, name: str, state: str, as_json: bool) -> None:
    if as_json:
        output.as_json({"skill": skill, "name": name, "state": state})
    else:
        click.echo(f"secret {name} of {skill} is {state}")
