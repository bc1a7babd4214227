"""catnap rollback."""

from __future__ import annotations

import click

from catnap.cli.cluster import Access, with_cluster
from catnap.cli.options import Command, with_json, with_settings
from catnap.cli.revisions import show, with_tenant
from catnap.cli.settings import Settings
from catnap.cli.switchboard import SETTINGS, switchboard
from catnap.services.retarget import previous, retarget
from catnap.services.snapshot import Service
from catnap.services.traffic import Target


@click.command(cls=Command)
@click.argument("skill")
@click.option("--to", "revision", metavar="REVISION", help="Default: the one that served before.")
@with_tenant
@with_cluster
@with_json
@with_settings(*SETTINGS)
def rollback(
    settings: Settings,
    access: Access,
    skill: str,
    revision: str | None,
    tenant: str,
    as_json: bool,
) -> None:
    """Sends all of SKILL's calls to an older revision, and keeps them there.

    Where several serve, that is the one beside the newest which gets the most
    calls; else the newest of the older ones that have served. Edits are still
    taken up, but get no calls until `catnap traffic SKILL --latest`.

    \b
    catnap rollback echo
    catnap rollback echo --to 3
    """

    def change(service: Service) -> tuple[Target, ...]:
        to = previous(service) if revision is None else revision
        return retarget(service, {to: 100}, {})

    show(switchboard(settings, access, tenant).edit(skill, change), as_json)
