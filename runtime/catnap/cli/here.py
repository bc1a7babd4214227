"""`catnap deploy --here`: to the gateway that runs on this machine."""

from __future__ import annotations

from typing import Any

import click
from click.core import ParameterSource

from catnap.cli import output
from catnap.cli.admin import ask, skill_path
from catnap.cli.settings import Settings
from catnap.cli.several import Outcome, failures, for_each
from catnap.services.snapshot import Revision, Service

_TAKES = ("skills", "here", "as_json", "functions", "home", "http", "token")


def deploy_here(settings: Settings, skills: list[str], as_json: bool) -> int:
    """Has each folder taken up as it is now. One that cannot be leaves what
    runs, and the others are deployed all the same."""
    outcomes = for_each(
        skills, lambda skill: ask(settings, "POST", skill_path(skill, "deploy"), Service)
    )
    if as_json:
        output.as_json({"results": [_document(each) for each in outcomes]})
    else:
        for each in outcomes:
            if each.answer:
                _show(each.skill, _newest(each.answer))
    return failures(outcomes, "deployed")


def refuse_a_clusters(context: click.Context) -> None:
    """Raises UsageError for an option that only a cluster has a use for."""
    for option in context.command.params:
        name = option.name or ""
        if name not in _TAKES and (
            context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        ):
            given = "/".join((*option.opts, *option.secondary_opts))
            raise click.UsageError(f"{given} is for a cluster: leave it or --here out.")


def _newest(service: Service) -> Revision:
    return next(each for each in service.revisions if each.latest)


def _document(outcome: Outcome[Service]) -> dict[str, Any]:
    newest = _newest(outcome.answer) if outcome.answer else None
    return {
        "name": outcome.skill,
        "revision": newest.name if newest else "",
        "percent": newest.percent if newest else 0,
        "problem": outcome.problem,
    }


def _show(skill: str, newest: Revision) -> None:
    click.echo(newest.name)
    if newest.percent < 100:
        output.note(
            f"{newest.name} gets {newest.percent} % of the calls: "
            f"`catnap traffic {skill}` shows who gets the others"
        )
