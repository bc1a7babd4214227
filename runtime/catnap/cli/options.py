"""Options that many commands share, and how they reach the settings."""

from __future__ import annotations

import difflib
import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from catnap.cli.settings import read_settings
from catnap.skills.duration import Duration

F = TypeVar("F", bound=Callable[..., Any])

_SETTINGS = {
    "home": "State folder.",
    "http": "The gateway's HTTP address.",
    "grpc": "The gateway's gRPC address.",
    "token": "Your credential.",
    "functions": "Folder of skills.",
    "files_bounds": "How much a scope holds, and how long: scope=10GB sessions=90d tasks=30d.",
    "retry": "Time until a failed delivery is made again; doubles each time. Default: 1s.",
    "files": "Where users' files are: s3://bucket?endpoint=URL. Default: the state folder.",
    "store": "What must last, as postgresql://user@host/database. Default: the state folder.",
    "admin_key": "The platform's own key.",
    "platform": "What skills run on: local, or knative inside a cluster. Default: local.",
    "install": "Name of the installation on a cluster. Default: catnap.",
    "models": "A models.toml, or where a model server of ours is. Default: models.toml.",
    "callback": "Address that skills alone call back at. Default: the HTTP address.",
    "advertise": "Name or address of this gateway for others that share its store.",
    "egress": "Address of the proxy that skills leave by. Default: a free port of this machine.",
    "egress_networks": "Private networks that skills may reach by it, as 10.1.0.0/16,10.2.0.0/16.",
    "index": "Index of the packages that sessions install: https://host/simple/. Default: none.",
    "traces": "File for spans of calls, as OTLP JSON. Default: none.",
    "audit": "What is recorded: actions, or calls for each call, too. Default: actions.",
    "audit_keep": "How long, e.g. 400d; what is older is cut off. Default: for ever.",
    "secrets_key": "Where the key of secrets is: file, or keyring. Default: file.",
    "tls_cert": "Certificate that HTTP and gRPC are answered with, PEM; read anew when it changes.",
    "tls_key": "Its key.",
    "tls_client_ca": "Who signs the certificates that every client then has to show.",
    "plain": "Address where HTTP is answered without TLS all the same. Default: none.",
    "ca": "Certificates to trust at an https:// address. Default: the system's.",
    "client_cert": "Certificate to show there, PEM.",
    "client_key": "Its key.",
}
TLS = ("ca", "client_cert", "client_key")
CLIENT = ("grpc", "token", "home", *TLS)
"""Settings of a command that asks the gateway."""


class Setting(click.Option):
    """An option that CATNAP_* and catnap.toml can give as well."""


class Command(click.Command):
    """A command whose help shows its settings apart."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {"Options": [], "Settings": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record and isinstance(parameter, click.Option):
                name = "Settings" if isinstance(parameter, Setting) else "Options"
                sections[name].append(record)
        for name, records in sections.items():
            if records:
                with formatter.section(name):
                    formatter.write_dl(records)


class Group(click.Group):
    """A group whose help keeps the order of its commands, and that knows what
    was meant."""

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if args[0] not in known and not args[0].startswith("-"):
            close = difflib.get_close_matches(args[0], known, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}."
            raise click.UsageError(f"No such command {args[0]!r}: {hint}", ctx)
        return super().resolve_command(ctx, args)


def with_settings(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Gives the command its settings first, and their flags to the command."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def command(**arguments: Any) -> Any:
            flags = {name: arguments.pop(name) for name in names}
            return function(read_settings(flags, os.environ, Path.cwd()), **arguments)

        for name in reversed(names):
            flag = "--" + name.replace("_", "-")
            help_text = f"{_SETTINGS[name]} Also CATNAP_{name.upper()}."
            click.option(flag, name, cls=Setting, metavar="TEXT", help=help_text)(command)
        return command

    return decorate


def with_json(function: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for a program.")(
        function
    )


def for_user(function: F) -> F:
    return click.option(
        "--user", default="", help="Act for this user. Default: your own, or `default`."
    )(function)


def for_session(function: F) -> F:
    return click.option("--session", default="", help="The conversation it belongs to.")(function)


def with_data(function: F) -> F:
    """--data, --data-file and --content-type; see `payload`."""
    kind = click.option(
        "--content-type", default="", help="What the data is. Default: by the file."
    )
    file = click.option("--data-file", metavar="FILE", help="Read it from a file; `-` is stdin.")
    data = click.option("--data", metavar="JSON", help="What to send.")
    return data(file(kind(function)))


class DurationType(click.ParamType[float]):
    name = "duration"

    def convert(
        self, value: Any, parameter: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            return Duration.parse(value)
        except ValueError as error:
            self.fail(f"{error}.", parameter, ctx)


DURATION = DurationType()
"""A length of time with its unit: 500ms, 30s, 5m. Seconds."""


def payload(data: str | None, data_file: str | None, content_type: str) -> tuple[bytes | None, str]:
    """The bytes that --data or --data-file gave, and what they are.

    Raises click.UsageError where both are given or --data is not JSON, and
    OSError where the file cannot be read.
    """
    if data is not None and data_file is not None:
        raise click.UsageError("Give --data or --data-file, not both.")
    if data is not None:
        if not content_type:
            try:
                msgspec.json.decode(data, type=msgspec.Raw)
            except (msgspec.DecodeError, UnicodeEncodeError) as error:
                raise click.UsageError(f"--data is not JSON: {error}.") from None
        return data.encode("utf-8", "surrogateescape"), content_type or "application/json"
    if data_file is None:
        return None, content_type
    if data_file == "-":
        return sys.stdin.buffer.read(), content_type or "application/json"
    path = Path(data_file)
    return path.read_bytes(), content_type or _guess(path)


def _guess(path: Path) -> str:
    import mimetypes

    if not path.suffix:
        return "application/json"
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"
