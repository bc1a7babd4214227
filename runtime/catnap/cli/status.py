"""catnap status."""

from __future__ import annotations

from collections.abc import Iterator

import click
import msgspec

from catnap.cli import output, status_decisions
from catnap.cli.admin import ADMIN, ask, of_tenant
from catnap.cli.options import Command, with_json, with_settings
from catnap.cli.settings import Settings
from catnap.services.catalog import unknown
from catnap.services.snapshot import Instance, Revision, Service


class _Seen(msgspec.Struct):
    platform: str
    services: list[Service]
    problems: dict[str, str] = {}
    models: str = ""


@click.command(cls=Command)
@click.argument("skills", nargs=-1, metavar="[SKILL...]")
@click.option("--tenant", default="", help="Only this tenant's. Default: all that you may see.")
@with_json
@with_settings(*ADMIN)
def status(settings: Settings, skills: tuple[str, ...], tenant: str, as_json: bool) -> None:
    """Shows what runs now, and why so many instances do.

    For each revision that gets calls, has a tag or still runs: its share, its
    instances, calls at work and waiting, sessions, and what the autoscaler
    wanted last. A revision whose instances crash is in CrashLoopBackOff until
    its next start.

    Naming SKILLs shows each of their instances, and their last 10 decisions:
    when one was made first, how many times in a row, and what it saw the last
    time: instances that were ready, and the averages over the stable and the
    panic window of all calls at once. --json has all that are remembered.

    \b
    catnap status
    catnap status echo
    catnap status --json
    """
    seen = ask(settings, "GET", f"/platform{of_tenant(tenant)}", _Seen)
    wanted = [each for each in seen.services if not skills or each.name in skills]
    problems = {k: v for k, v in seen.problems.items() if not skills or k in skills}
    for skill in set(skills) - {each.name for each in wanted} - problems.keys():
        raise unknown(skill, {each.name for each in seen.services})
    if as_json:
        found = {"platform": seen.platform, "services": wanted, "problems": problems}
        output.as_json(found)
        return
    tenants = len({each.tenant for each in wanted}) > 1
    columns = ("revision", "traffic", "instances", "at work", "waiting", "sessions", "decision")
    output.table(
        (*(("tenant",) if tenants else ()), *columns),
        [
            (*((service.tenant,) if tenants else ()), *_row(revision))
            for service in wanted
            for revision in _shown(service)
        ],
        empty="nothing is served",
    )
    for skill, problem in sorted(problems.items()):
        output.note(f"{skill}: its newest source is not served: {problem}")
    if seen.models and not skills:
        output.note(f"the models are those of an earlier models.toml: {seen.models}")
    if skills:
        shown = [each for service in wanted for each in _shown(service)]
        _instances(shown)
        status_decisions.table(shown)


def _shown(service: Service) -> Iterator[Revision]:
    for each in service.revisions:
        if each.percent or each.tags or each.instances or each.waiting:
            yield each


def _row(revision: Revision) -> tuple[object, ...]:
    share = [f"{revision.percent} %"] if revision.percent else []
    most = revision.limits.max_scale if revision.limits else 0
    alive = len(revision.instances)
    return (
        revision.name,
        ", ".join([*share, *revision.tags]),
        f"{alive} of {most}" if most else alive,
        sum(each.inflight for each in revision.instances),
        revision.waiting,
        sum(each.sessions for each in revision.instances),
        _why(revision),
    )


def _why(revision: Revision) -> str:
    for failure in revision.failures:
        text = f"{failure.state}: {failure.message}"
        return f"{text}; next start in {failure.retry_in:g} s" if failure.retry_in else text
    return status_decisions.newest(revision)


def _instances(revisions: list[Revision]) -> None:
    rows: list[Instance] = [each for revision in revisions for each in revision.instances]
    if not rows:
        return
    click.echo()
    output.table(
        ("instance", "state", "age", "at work", "sessions"),
        [
            (
                each.name,
                each.state,
                "" if each.age is None else f"{each.age:.0f} s",
                each.inflight,
                each.sessions,
            )
            for each in rows
        ],
        empty="",
    )
