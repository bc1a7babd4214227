"""catnap revisions, and how revisions are shown."""

from __future__ import annotations

import click

from catnap.cli import output
from catnap.cli.cluster import Access, with_cluster
from catnap.cli.options import Command, with_json, with_settings
from catnap.cli.settings import Settings
from catnap.cli.switchboard import SETTINGS, switchboard
from catnap.services.snapshot import Service

with_tenant = click.option("--tenant", default="", help="Whose. Default: your own.")


@click.command(cls=Command)
@click.argument("skill")
@with_tenant
@with_cluster
@with_json
@with_settings(*SETTINGS)
def revisions(settings: Settings, access: Access, skill: str, tenant: str, as_json: bool) -> None:
    """Lists the revisions of SKILL that can serve, the newest first.

    Each is what the skill's folder was at one time, and stays that. Kept are
    those that get traffic or have a tag, and ten others: the newest, those that
    have served before those that never did.
    """
    show(switchboard(settings, access, tenant).get(skill), as_json, every=True)


def show(service: Service, as_json: bool, every: bool = False) -> None:
    """Those that get calls or have a tag, and the newest; or every one."""
    shown = [
        each for each in service.revisions if every or each.latest or each.percent or each.tags
    ]
    if as_json:
        output.as_json({"traffic": service.traffic, "revisions": shown})
        return
    output.table(
        ("revision", "traffic", "tags", "instances", "created"),
        [
            (
                f"{each.name} (latest)" if each.latest else each.name,
                f"{each.percent} %" if each.percent else "",
                ", ".join(each.tags),
                len(each.instances),
                output.when(each.created),
            )
            for each in shown
        ],
        empty=f"no revision of {service.name} gets calls",
    )
    if service.traffic and not any(
        each.latest_revision and each.percent for each in service.traffic
    ):
        again = f"`catnap traffic {service.name} --latest`"
        output.note(f"pinned: edits get no calls until {again}")
