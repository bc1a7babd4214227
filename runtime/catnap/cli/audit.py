"""catnap audit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click
import msgspec

from catnap.access.audit_chain import Verdict
from catnap.access.audit_export import check
from catnap.access.audit_record import KINDS, Record, moment
from catnap.cli import exits, output
from catnap.cli.admin import ADMIN, ask, stream
from catnap.cli.options import DURATION, Group, with_json, with_settings
from catnap.cli.revisions import with_tenant
from catnap.cli.settings import Settings

_MOST = 1000
"""Records that the gateway gives at once."""

of_the_platform = click.option(
    "--platform", is_flag=True, help="The chain of those whom nobody knew, instead of a tenant's."
)


class _Found(msgspec.Struct):
    records: list[msgspec.Raw]
    next: str = ""


class _Verdicts(msgspec.Struct):
    chains: list[Verdict]


@click.group(cls=Group)
def audit() -> None:
    """What was done and who was turned away, in records that hold on to one another."""


@audit.command("list")
@click.option("--kind", type=click.Choice(KINDS), help="Only these. Default: all that are kept.")
@click.option("--action", help="Only this action, e.g. platform.write.")
@click.option("--outcome", help="Only with this outcome: ok, or an error's name.")
@click.option("--principal", help="Only of this one, e.g. 'key admin'.")
@click.option("--user", help="Only of this user.")
@click.option("--skill", help="Only about this skill.")
@click.option("--task", help="Only of this task.")
@click.option("--since", type=DURATION, help="Only of so long, e.g. 24h.")
@click.option("--limit", default=100, show_default=True, help="Records at most; 0 for all.")
@of_the_platform
@with_tenant
@with_json
@with_settings(*ADMIN)
def list_(
    settings: Settings,
    since: float | None,
    limit: int,
    platform: bool,
    tenant: str,
    as_json: bool,
    **filters: str | None,
) -> None:
    """Lists records, the newest first.

    \b
    catnap audit list --kind denial --since 24h
    catnap audit list --tenant acme --action keys.write --json
    """
    query = {name: value for name, value in filters.items() if value}
    if since is not None:
        query["since"] = moment(max(0.0, time.time() - since))
    records = _records(settings, query | _chain(tenant, platform), limit)
    if as_json:
        output.as_json(list(records))
        return
    found = [msgspec.json.decode(record, type=Record) for record in records]
    output.table(
        ("time", "tenant", "kind", "who", "action", "skill", "outcome", "times", "found"),
        [_row(each) for each in found],
        empty="no records",
        numbers=("times",),
    )


@audit.command()
@click.argument(
    "file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--head", metavar="NUMBER:HASH", help="A head that you kept; it has to be in there.")
@of_the_platform
@with_tenant
@with_json
@with_settings(*ADMIN)
def verify(
    settings: Settings,
    file: Path | None,
    head: str | None,
    platform: bool,
    tenant: str,
    as_json: bool,
) -> int:
    """Checks that every record is as it was written, and none is missing.

    By default every chain that you may read. A FILE of `export` is checked
    here, without the gateway. Keep the heads elsewhere: with --head even
    who has the whole machine cannot write the past anew.

    \b
    catnap audit verify
    catnap audit verify --tenant acme --head 17:9f86d081…
    catnap audit verify acme.jsonl
    """
    if file is not None:
        if head or platform or tenant:
            raise click.UsageError("A FILE is checked as it is: leave the other options out.")
        with file.open("rb") as exported:
            verdicts = [check(exported)]
    else:
        query = _chain(tenant, platform) | ({"head": head} if head else {})
        path = f"/audit/verify?{urlencode(query)}"
        verdicts = ask(settings, "GET", path, _Verdicts).chains
    if as_json:
        output.as_json(verdicts)
    else:
        for each in verdicts:
            click.echo(_said(each))
    return exits.FAILED if any(each.problem for each in verdicts) else 0


@audit.command()
@of_the_platform
@with_tenant
@with_settings(*ADMIN)
def export(settings: Settings, platform: bool, tenant: str) -> None:
    """Prints a tenant's whole chain as JSON lines: each record with its hash,
    which is the SHA-256 of the record as it stands, and the signed head last.
    Where CATNAP_AUDIT_KEEP cuts off what is old, export it before.

    \b
    catnap audit export --tenant acme > acme.jsonl
    """
    path = f"/audit/export?{urlencode(_chain(tenant, platform))}"
    asyncio.run(stream(settings, path, lambda part: click.echo(part, nl=False)))


def _chain(tenant: str, platform: bool) -> dict[str, str]:
    if tenant and platform:
        raise click.UsageError("Give --tenant or --platform, not both.")
    return {"platform": "1"} if platform else {"tenant": tenant} if tenant else {}


def _records(settings: Settings, query: dict[str, str], limit: int) -> Iterable[msgspec.Raw]:
    before, left = "", limit or float("inf")
    while left > 0:
        asked = (
            query | {"limit": str(int(min(left, _MOST)))} | ({"before": before} if before else {})
        )
        found = ask(settings, "GET", f"/audit?{urlencode(asked)}", _Found)
        yield from found.records
        left -= len(found.records)
        before = found.next
        if not before:
            return


def _row(record: Record) -> tuple[Any, ...]:
    who = record.principal or record.peer or "nobody known"
    about = record.detail or record.request
    return (
        output.when(datetime.fromisoformat(record.time)),
        *(record.tenant, record.kind, who, record.action, record.skill, record.outcome),
        *(record.times, about),
    )


def _said(verdict: Verdict) -> str:
    of = f"tenant {verdict.tenant}" if verdict.tenant else "the platform"
    if verdict.problem:
        return f"{of}: record {verdict.broken} is broken: {verdict.problem}"
    cut = ""
    if verdict.cut:
        cut = f" since {verdict.until} ({verdict.cut:,} before that were cut off)"
    return f"{of}: {verdict.records:,} records{cut}, whole; head {verdict.number}:{verdict.head}"
