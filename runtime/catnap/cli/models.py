"""catnap models."""

from __future__ import annotations

import os
from pathlib import Path

import click

from catnap.cli import exits, output
from catnap.cli.admin import ADMIN, ask
from catnap.cli.options import DURATION, Group, with_json, with_settings
from catnap.cli.settings import MODELS_FILE, Settings
from catnap.errors import InvalidRequest
from catnap.models.snapshot import ModelSeen, ModelsSeen, ServerSeen


@click.group(cls=Group)
def models() -> None:
    """The models that skills and agents share.

    models.toml says which there are, and what answers for each; the gateway
    takes a good one up while it runs.

    \b
    catnap models check
    catnap models list
    catnap models serve --address 127.0.0.1:9001
    """


@models.command("list")
@with_json
@with_settings(*ADMIN)
def list_(settings: Settings, as_json: bool) -> None:
    """Lists the gateway's models, and how their servers stand.

    Of each server: its state, the requests at work there and how many may be,
    as learnt. Requests are those since the gateway started, and `failed` those
    of them that ended in an error; p50 and p95 say how long servers had them.
    Prices are of a million prompt tokens, completion tokens and milliseconds.

    \b
    catnap models list
    catnap models list --json
    """
    found = ask(settings, "GET", "/platform/models", ModelsSeen)
    if as_json:
        output.as_json(found)
        return
    output.table(
        (
            *("model", "abilities", "server", "state", "at work", "waiting"),
            *("requests", "failed", "p50", "p95", "prices"),
        ),
        [row for each in found.models for row in _rows(each)],
        empty="there are no models",
        numbers=("at work", "waiting", "requests", "failed", "p50", "p95"),
    )
    if found.problem:
        output.note(f"{MODELS_FILE} is not taken up, and these are an earlier one's:")
        output.note(found.problem)


def _rows(model: ModelSeen) -> list[tuple[object, ...]]:
    """One for each server; what is the model's stands in the first."""
    name = f"{model.name}:{model.version}" if model.version else model.name
    if model.canary is not None:
        name += f" ({model.canary:g} %)"
    prices = (
        model.prices.prompt_tokens,
        model.prices.completion_tokens,
        model.prices.milliseconds,
    )
    first = (
        *(model.waiting, model.requests, model.failed, _seconds(model.p50), _seconds(model.p95)),
        " ".join(f"{each:g}" for each in prices) if any(prices) else "",
    )
    return [
        (
            *((name, ", ".join(model.abilities)) if not number else ("", "")),
            *(server.address, _state(server), f"{server.inflight}/{server.limit}"),
            *(first if not number else ("",) * len(first)),
        )
        for number, server in enumerate(model.servers)
    ]


def _state(server: ServerSeen) -> str:
    return f"{server.state}, {server.back:.0f} s" if server.back else server.state


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value * 1000:.3g} ms"


@models.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--ask", "asks", is_flag=True, help="Ask every server, too.")
@click.option(
    "--timeout", type=DURATION, default="5s", show_default=True, help="For one server's answer."
)
@with_json
@with_settings("models")
def check(settings: Settings, file: Path | None, asks: bool, timeout: float, as_json: bool) -> int:
    """Looks at models.toml, or at FILE, and says all that is wrong with it.

    With --ask, every server is asked whether it is there, whether it has the
    model, and how long that took. The exit status is 2 where something is wrong
    with the file, and 1 where a server is.

    \b
    catnap models check
    catnap models check other.toml --ask
    """
    # Here, so that the help needs no gRPC.
    from catnap.cli.models_ask import ask_all
    from catnap.models.file import read
    from catnap.models.own import complete
    from catnap.models.settings import Models

    path = file or settings.models_file
    try:
        config = complete(read(path) if path else Models())
    except InvalidRequest as error:
        problems = error.message.split("\n")
        if as_json:
            output.as_json({"file": str(path), "problems": problems})
        else:
            for each in problems:
                click.echo(each)
        return exits.USAGE
    found = ask_all(config, settings.models, timeout, os.environ) if asks else []
    if as_json:
        document = {"file": str(path or ""), "models": sorted(config.models), "problems": []}
        output.as_json({**document, "servers": found} if asks else document)
    elif not asks:
        output.note(f"nothing is wrong: {path or 'no models.toml'}, {len(config.models)} models")
    else:
        output.table(
            ("model", "server", "live", "model there", "took", "found"),
            [
                (
                    *(each.model, each.server, _yes(each.live), _yes(each.there)),
                    *(_seconds(each.seconds), each.problem or each.about),
                )
                for each in found
            ],
            empty="there are no servers: those of our own `catnap serve` starts",
        )
    return exits.FAILED if any(each.problem for each in found) else 0


def _yes(value: bool | None) -> str:
    return "" if value is None else "yes" if value else "no"


serve = click.Command("serve", short_help="Runs the model server; `catnap serve` starts one.")
"""It runs, and explains itself, without click: see catnap.cli.main."""
models.add_command(serve)
