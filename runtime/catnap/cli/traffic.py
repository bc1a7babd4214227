"""catnap traffic."""

from __future__ import annotations

import re

import click

from catnap.cli.cluster import Access, with_cluster
from catnap.cli.options import Command, with_json, with_settings
from catnap.cli.revisions import show, with_tenant
from catnap.cli.settings import Settings
from catnap.cli.switchboard import SETTINGS, switchboard
from catnap.services.retarget import retarget
from catnap.services.snapshot import Service
from catnap.services.traffic import Target

_PERCENT = re.compile(r"0*(\d\d?|100)%?", re.ASCII)


@click.command(cls=Command)
@click.argument("skill")
@click.option(
    "--to",
    "shares",
    metavar="REVISION=PERCENT",
    multiple=True,
    help="Calls that this revision gets; together 100.",
)
@click.option("--latest", is_flag=True, help="All calls to the newest, now and after every edit.")
@click.option(
    "--tag", "tags", metavar="TAG=REVISION", multiple=True, help="Name a revision for its callers."
)
@click.option("--untag", metavar="TAG", multiple=True, help="Take a tag away.")
@with_tenant
@with_cluster
@with_json
@with_settings(*SETTINGS)
def traffic(
    settings: Settings,
    access: Access,
    skill: str,
    shares: tuple[str, ...],
    latest: bool,
    tags: tuple[str, ...],
    untag: tuple[str, ...],
    tenant: str,
    as_json: bool,
) -> None:
    """Shows which revisions get SKILL's calls, or changes it.

    A REVISION is its name, its number, a tag, or `latest` for whichever is the
    newest. Percentages are of calls without a session and of new sessions: a
    session stays at its revision while that has a share. `catnap call --tag`,
    or the header `Catnap-Tag`, reaches a tag whatever the percentages. Traffic
    that names revisions stays there when the skill is edited; `--latest` has it
    follow.

    Of the gateway that runs here; with --kubeconfig or --context, of a cluster.
    KUBECONFIG alone chooses none.

    \b
    catnap traffic echo --to 1=90 --to latest=10
    catnap traffic echo --tag canary=2
    catnap traffic echo --latest
    """
    if latest and shares:
        raise click.UsageError("Give --to or --latest, not both.")
    percents = {"latest": 100} if latest else _percents(shares)
    named = _pairs(tags, "--tag TAG=REVISION")
    board = switchboard(settings, access, tenant)

    def change(service: Service) -> tuple[Target, ...]:
        return retarget(service, percents, named, untag)

    changed = percents or named or untag
    show(board.edit(skill, change) if changed else board.get(skill), as_json)


def _percents(given: tuple[str, ...]) -> dict[str, int]:
    found = {}
    for revision, percent in _pairs(given, "--to REVISION=PERCENT").items():
        share = _PERCENT.fullmatch(percent)
        if not share:
            raise click.UsageError(
                f"--to {revision}={percent}: {percent!r} is no percentage from 0 to 100."
            )
        found[revision] = int(share[1])
    return found


def _pairs(given: tuple[str, ...], form: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not (name and equals and value):
            raise click.UsageError(f"{each!r} is not of the form {form}.")
        if name in found:
            raise click.UsageError(f"{form.split()[0]} names {name!r} twice.")
        found[name] = value
    return found
