"""catnap doctor."""

from __future__ import annotations

import asyncio

import click

from catnap.cli import exits, machine, output, running
from catnap.cli.machine import Finding
from catnap.cli.options import TLS, Command, with_json, with_settings
from catnap.cli.settings import Settings


@click.command(cls=Command)
@with_json
@with_settings("home", "http", "grpc", "token", "admin_key", *TLS)
def doctor(settings: Settings, as_json: bool) -> int:
    """Looks at what Catnap needs of this machine, and says what to do.

    Each line is ok, degraded (it works, with less) or missing. With --json,
    one object for each. The exit status is 1 where something is missing.

    \b
    catnap doctor
    catnap doctor --json
    """
    found = asyncio.run(examine(settings))
    if as_json:
        output.as_json(found)
    else:
        rows = [(each.what, each.state, each.found, each.advice) for each in found]
        output.table(("what", "state", "found", "what to do"), rows, empty="")
    return exits.FAILED if any(each.state == "missing" for each in found) else 0


async def examine(settings: Settings) -> list[Finding]:
    """All of it, in the order to be read in."""
    return [
        machine.python(),
        machine.package("uv", "it makes the environments of skills with requirements"),
        machine.package("uvloop", "instances and gateway take a third longer without it"),
        machine.confinement(settings.home),
        *machine.limits(),
        machine.disk(settings.home),
        machine.clock(),
        *await running.gateway(settings),
        await running.builders(),
        await running.cluster(),
    ]
