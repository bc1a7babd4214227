"""catnap undeploy."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import click

from catnap.cli import output
from catnap.cli.cluster import Access, with_cluster
from catnap.cli.options import DURATION, Command, with_json, with_settings
from catnap.cli.settings import Settings

if TYPE_CHECKING:
    from catnap.services.knative.undeploy import Target


@click.command(cls=Command)
@click.argument("skills", nargs=-1, metavar="[SKILL...]")
@click.option(
    "--all",
    "every",
    is_flag=True,
    help="The whole installation, its volume and users' files there too.",
)
@click.option("--tenant", "tenants", multiple=True, help="For whom. Default: default.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--timeout", type=DURATION, default="5m", show_default=True, help="With --all: to be gone."
)
@with_cluster
@with_json
@with_settings("install")
def undeploy(
    settings: Settings,
    access: Access,
    skills: tuple[str, ...],
    every: bool,
    tenants: tuple[str, ...],
    yes: bool,
    timeout: float,
    as_json: bool,
) -> None:
    """Removes SKILLs, or a whole installation, from a cluster.

    Only what carries the installation's label is touched. What is at work in a
    skill may end first.

    \b
    catnap undeploy echo
    catnap undeploy --all --install staging
    """
    if bool(skills) == every:
        raise click.UsageError("Name the skills, or give --all.")
    if every and tenants:
        raise click.UsageError("--tenant goes with skills: --all takes every tenant.")
    removed = asyncio.run(
        _undeploy(access, settings.install, skills, tenants or ("default",), yes, timeout)
    )
    if as_json:
        output.as_json([each.title for each in removed])


async def _undeploy(
    access: Access,
    install: str,
    skills: tuple[str, ...],
    tenants: tuple[str, ...],
    yes: bool,
    timeout: float,
) -> list[Target]:
    from catnap.services.knative import undeploy as work

    api = access.connect()
    if skills:
        targets = await work.skills(api, install, tenants, skills)
    else:
        targets = await work.whole(api, install)
    for each in targets:
        output.note(each.title)
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("Nobody is there to be asked: give --yes.")
        click.confirm(f"Remove this from {api.server}?", abort=True, err=True)
    if not skills:
        output.note("waiting for what is at work")
        await work.stop(api, install, timeout)
    await work.remove(api, targets)
    if not skills:
        output.note("waiting for the cluster to empty the namespaces")
        await work.gone(api, install, timeout)
    output.note(f"removed {len(targets)}")
    return targets
