"""catnap login and catnap logout."""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import replace

import click

from catnap.cli import output
from catnap.cli.admin import ask
from catnap.cli.connection import local_key
from catnap.cli.options import TLS, Command, with_json, with_settings
from catnap.cli.settings import Settings
from catnap.client import logins
from catnap.errors import PermissionDenied


@click.command(cls=Command)
@click.option("--stdin", is_flag=True, help="Read the key from stdin.")
@with_json
@with_settings("http", "grpc", "token", "home", *TLS)
def login(settings: Settings, stdin: bool, as_json: bool) -> None:
    """Keeps a key for the gateway's addresses, once the gateway takes it.

    The key is the one that is given or, on this machine, the platform's own;
    else it is asked for. It goes into a file of your settings folder that you
    alone can read; the command line and the Python client send it from there,
    to these addresses only, unless CATNAP_TOKEN says another.

    \b
    catnap login
    catnap login --http https://catnap.example.com --grpc https://catnap.example.com:9000
    catnap keys create me --role developer | catnap login --stdin
    """
    key = sys.stdin.readline().strip() if stdin else settings.token
    key = key or local_key(settings, settings.http) or click.prompt("Key", hide_input=True)
    # A key that may nothing at all is known, too.
    with contextlib.suppress(PermissionDenied):
        ask(replace(settings, token=key), "GET", "/skills", object)
    file = logins.place(os.environ)
    logins.keep(file, key, settings.http, settings.grpc)
    _tell(settings, "kept in", str(file), as_json)


@click.command(cls=Command)
@with_json
@with_settings("http", "grpc")
def logout(settings: Settings, as_json: bool) -> None:
    """Forgets the key that was kept for the gateway's addresses.

    The key itself stays good: `catnap keys revoke` ends it.

    \b
    catnap logout
    """
    file = logins.place(os.environ)
    found = logins.forget(file, settings.http, settings.grpc)
    _tell(settings, "forgotten in" if found else "none was in", str(file), as_json)


def _tell(settings: Settings, done: str, file: str, as_json: bool) -> None:
    if as_json:
        output.as_json({"http": settings.http, "grpc": settings.grpc, "file": file})
    else:
        click.echo(f"key for {settings.http} and {settings.grpc}: {done} {file}")
