"""catnap traffic, catnap rollback and catnap revisions."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import click

from catnap.cli import output
from catnap.cli.cluster import Access, with_cluster
from catnap.cli.options import Command, with_json, with_settings
from catnap.cli.settings import Settings
from catnap.cli.switchboard import SETTINGS, switchboard
from catnap.services.retarget import previous, retarget
from catnap.services.snapshot import Service
from catnap.services.traffic import Target

_PERCENT = re.compile(r"0*(\d\d?|100)%?", re.ASCII)
_TENANT = click.option("--tenant", default="", help="Whose. Default: your own.")


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
@_TENANT
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
    _show(board.edit(skill, change) if changed else board.get(skill), as_json)


@click.command(cls=Command)
@click.argument("skill")
@click.option("--to", "revision", metavar="REVISION", help="Default: the one that served before.")
@_TENANT
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

    _show(switchboard(settings, access, tenant).edit(skill, change), as_json)


@click.command(cls=Command)
@click.argument("skill")
@_TENANT
@with_cluster
@with_json
@with_settings(*SETTINGS)
def revisions(settings: Settings, access: Access, skill: str, tenant: str, as_json: bool) -> None:
    """Lists the revisions of SKILL that can serve, the newest first.

    Each is what the skill's folder was at one time, and stays that. Kept are
    those that get traffic or have a tag, and ten others: the newest, those that
    have served before those that never did.
    """
    _show(switchboard(settings, access, tenant).get(skill), as_json, every=True)


def _show(service: Service, as_json: bool, every: bool = False) -> None:
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
                output.when(datetime.fromtimestamp(each.created, UTC)) if each.created else "",
            )
            for each in shown
        ],
        empty=f"no revision of {service.name} gets calls",
    )
    if not any(each.latest_revision and each.percent for each in service.traffic):
        again = f"`catnap traffic {service.name} --latest`"
        output.note(f"pinned: edits get no calls until {again}")


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
