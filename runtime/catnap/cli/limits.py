"""catnap limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import click
import msgspec

from catnap.access.admission import bound
from catnap.access.limits import Limit, bounded
from catnap.cli import output
from catnap.cli.admin import ADMIN, ask
from catnap.cli.options import Group, with_json, with_settings
from catnap.cli.settings import Settings


class _Known(msgspec.Struct):
    limit: Limit
    source: str


class _Limits(msgspec.Struct):
    limits: list[_Known]


@click.group(cls=Group)
def limits() -> None:
    """Limits: how much tenants, users and skills may use.

    A limit is for one by name, for each one by itself (`*`), or for all
    together (left out). A call has to be within all that it meets.
    """


def _of(function: Callable[..., Any]) -> Callable[..., Any]:
    """--tenant, --user and --skill, as a limit has them."""
    for kind in ("skill", "user", "tenant"):
        text = f"A {kind}, or * for each by itself. Default: all together."
        click.option(f"--{kind}", default="", help=text)(function)
    return function


@limits.command(name="list")
@click.option("--tenant", default="", help="What bounds this tenant; * for all. Default: yours.")
@with_json
@with_settings(*ADMIN)
def list_(settings: Settings, tenant: str, as_json: bool) -> None:
    """Shows the limits there are, and where each was set."""
    query = f"?{urlencode({'tenant': tenant})}" if tenant else ""
    found = ask(settings, "GET", f"/limits{query}", _Limits).limits
    if as_json:
        output.as_json(found)
        return
    output.table(
        ("tenant", "user", "skill", "limit", "set by"),
        [
            (
                *(name or "all" for name in each.limit.scope),
                bound(each.limit, measure),
                "catnap.toml" if each.source == "settings" else "catnap limits",
            )
            for each in found
            for measure in bounded(each.limit)
        ],
        empty="nothing is limited",
    )


@limits.command(name="set")
@_of
@click.option("--rate", type=float, help="Calls per second, in the long run.")
@click.option("--burst", type=int, help="Calls at once. Default: those of one second.")
@click.option("--concurrent", type=int, help="Calls at work at one time.")
@click.option("--daily-calls", type=int, help="Calls per day in UTC.")
@click.option("--daily-tokens", type=int, help="Tokens of models per day.")
@click.option("--daily-compute-ms", type=float, help="Milliseconds of skills at work per day.")
@click.option("--daily-bytes", type=int, help="Bytes of files written per day.")
@click.option("--daily-cost", type=float, help="Spent on models per day, by their prices.")
@with_json
@with_settings(*ADMIN)
def set_(settings: Settings, as_json: bool, **values: Any) -> None:
    """Sets a limit, in place of one of the same tenant, user and skill.

    What is not given is not limited there.

    \b
    catnap limits set --tenant '*' --rate 100 --burst 200 --concurrent 50
    catnap limits set --tenant acme --user '*' --daily-tokens 1000000
    catnap limits set --tenant acme --skill search --concurrent 4
    """
    limit = Limit(**values)
    known = ask(settings, "PUT", "/limits", _Known, limit)
    if as_json:
        output.as_json(known)
    else:
        for measure in bounded(known.limit):
            click.echo(bound(known.limit, measure))


@limits.command()
@_of
@with_json
@with_settings(*ADMIN)
def remove(settings: Settings, as_json: bool, **scope: str) -> None:
    """Removes what was set for just this tenant, user and skill.

    A limit of catnap.toml holds again where there is one.
    """
    query = urlencode({kind: name for kind, name in scope.items() if name})
    ask(settings, "DELETE", f"/limits?{query}", type(None))
    if as_json:
        output.as_json(scope)
