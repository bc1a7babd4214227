"""catnap usage."""

from __future__ import annotations

from collections import Counter
from urllib.parse import urlencode

import click
import msgspec

from catnap.access.model_usage_rows import ModelUse
from catnap.access.standing import MOST, Standing
from catnap.access.usage_rows import Use
from catnap.cli import output
from catnap.cli.admin import ADMIN, ask
from catnap.cli.options import Command, with_json, with_settings
from catnap.cli.settings import Settings

_NUMBERS = ("calls", "tokens", "compute", "written", "cost", "used")


_MODEL_NUMBERS = (
    *("requests", "errors", "prompt", "completion", "at servers", "waited", "in", "out", "cost"),
)


class _UsageByModel(msgspec.Struct):
    day: str
    models: list[ModelUse]


class _Usage(msgspec.Struct):
    day: str
    used: list[Use]
    limits: list[Standing]


@click.command(cls=Command)
@click.option("--tenant", default="", help="Of this tenant; * for all. Default: yours.")
@click.option("--user", default="", help="Of this user only.")
@click.option("--skill", default="", help="Of this skill only.")
@click.option("--day", default="", help="A day in UTC, such as 2025-11-21. Default: today.")
@click.option("--models", is_flag=True, help="What models were asked for, and what it cost.")
@with_json
@with_settings(*ADMIN)
def usage(settings: Settings, as_json: bool, models: bool, **asked: str) -> None:
    """Shows what was used today, and how much of each limit is taken.

    Days are in UTC. Models that were asked directly have no skill. Of very many
    users of a tenant the last ones are counted together, as `*`.

    \b
    catnap usage
    catnap usage --tenant acme --user ada
    catnap usage --day 2025-11-21 --json
    catnap usage --models --tenant '*'
    """
    said = {name: value for name, value in asked.items() if value}
    if models:
        said["by"] = "model"
        by_model = ask(settings, "GET", f"/usage?{urlencode(said)}", _UsageByModel)
        (output.as_json if as_json else _show_models)(by_model)
    else:
        found = ask(settings, "GET", f"/usage?{urlencode(said)}", _Usage)
        (output.as_json if as_json else _show)(found)


def _show(found: _Usage) -> None:
    output.table(
        ("tenant", "user", "skill", "calls", "tokens", "compute", "written", "cost"),
        [
            (
                *(each.tenant, each.user, each.skill, f"{each.calls:,}", f"{each.tokens:,}"),
                *(f"{each.compute_ms / 1000:,.1f} s", output.size(each.bytes)),
                f"{each.cost:,.6g}",
            )
            for each in found.used
        ],
        empty=f"nothing was used on {found.day}",
        numbers=_NUMBERS,
    )
    if not found.limits:
        return
    click.echo()
    output.table(
        ("tenant", "user", "skill", "used", "of", "frees"),
        [
            (
                *(name or "all" for name in (each.tenant, each.user, each.skill)),
                *(f"{each.used:,g}", each.text, each.frees),
            )
            for each in found.limits
        ],
        empty="",
        numbers=_NUMBERS,
    )
    if len(found.limits) == MOST:
        output.note(
            f"the {MOST:,} of which least is left; --tenant, --user and --skill show others"
        )


def _show_models(found: _UsageByModel) -> None:
    output.table(
        ("tenant", "skill", "model", "version", *_MODEL_NUMBERS),
        [
            (
                *(each.tenant, each.skill, each.model, each.version, f"{each.requests:,}"),
                f"{sum(each.errors.values()):,}",
                *(f"{each.prompt_tokens:,}", f"{each.completion_tokens:,}"),
                *(f"{each.milliseconds / 1000:,.1f} s", f"{each.waited / 1000:,.1f} s"),
                *(output.size(each.bytes_in), output.size(each.bytes_out), f"{each.cost:,.6g}"),
            )
            for each in found.models
        ],
        empty=f"no model was asked for anything on {found.day}",
        numbers=_MODEL_NUMBERS,
    )
    errors = Counter[str]()
    for each in found.models:
        errors.update(each.errors)
    if errors:
        causes = ", ".join(f"{name} {count:,}" for name, count in errors.most_common())
        output.note(f"errors by cause: {causes}")
