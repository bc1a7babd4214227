"""catnap serve."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from dataclasses import replace
from pathlib import Path

import click
import msgspec

from catnap.cli.listened import listened, tls_files
from catnap.cli.options import Command, with_json, with_settings
from catnap.cli.settings import Settings
from catnap.gateway.serve import Ready
from catnap.gateway.serve import serve as run
from catnap.gateway.settings import Settings as GatewaySettings


@click.command(cls=Command)
@click.option("--reload/--no-reload", default=True, help="Take edited skills up. Default: yes.")
@with_json
@with_settings(
    *("home", "http", "grpc", "functions", "files", "files_bounds", "retry", "admin_key"),
    *("store", "platform", "install", "models", "callback", "egress", "egress_networks", "audit"),
    *("audit_keep", "secrets_key", "tls_cert", "tls_key", "tls_client_ca", "plain"),
    *("advertise", "index", "traces"),
)
def serve(settings: Settings, reload: bool, as_json: bool) -> None:
    """Runs the whole platform on this machine, until Ctrl-C.

    Every skill in the functions folder can be called, and is at zero until
    somebody does.

    \b
    catnap serve
    catnap serve --home /tmp/other --http 127.0.0.1:8081 --grpc 127.0.0.1:9001
    """
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    logging.getLogger("catnap.gateway.egress").setLevel(logging.INFO)  # who went where
    began = time.monotonic()
    # As it was started from a clone, or by its name where it is on the path.
    program = "catnap" if Path(sys.argv[0]).is_absolute() else sys.argv[0]

    def announce(text: str) -> None:
        _tell({"event": "progress", "text": text}, f"  {text}", as_json)

    def ready(found: Ready) -> None:
        took = time.monotonic() - began
        if settings.tls_cert:
            found = replace(found, http=f"https://{found.http}", grpc=f"https://{found.grpc}")
        told = {"event": "ready", "http": found.http, "grpc": found.grpc, "skills": found.skills}
        _tell({**told, "seconds": round(took, 3)}, _block(found, settings, took, program), as_json)

    gateway = GatewaySettings(
        home=settings.home,
        http=listened(settings, "http"),
        grpc=listened(settings, "grpc"),
        tls=tls_files(settings),
        plain=settings.plain,
        clients=settings.clients,
        functions=settings.functions,
        files=settings.files,
        files_bounds=settings.files_bounds,
        retry=settings.retry,
        store=settings.store,
        admin_key=settings.admin_key,
        keys=settings.keys,
        issuers=settings.issuers,
        accounts=settings.accounts,
        limits=settings.limits,
        reload=reload,
        platform=settings.platform,
        install=settings.install,
        models=settings.models,
        models_file=settings.models_file,
        callback=settings.callback,
        advertise=settings.advertise,
        egress=settings.egress,
        egress_networks=settings.egress_networks,
        index=settings.index,
        traces=settings.traces,
        audit=settings.audit,
        audit_keep=settings.audit_keep,
        secrets_key=settings.secrets_key,
    )
    # Not on uvloop, as the host is: now and then a gRPC stream there ends
    # without the error that ended it.
    asyncio.run(run(gateway, announce, ready))


def _tell(event: dict[str, object], text: str, as_json: bool) -> None:
    click.echo(msgspec.json.encode(event) if as_json else text)


def _block(ready: Ready, settings: Settings, took: float, program: str) -> str:
    """What a person needs to begin: addresses, places, and a command that
    works as it stands."""
    default = Settings()
    place = settings.functions if settings.platform == "local" else "the cluster"
    away = "" if ready.grpc == default.grpc else f" --grpc {ready.grpc}"
    if settings.home != default.home and not settings.admin_key:
        away += f" --home {settings.home}"
    key = "CATNAP_ADMIN_KEY" if settings.admin_key else settings.home / "admin.key"
    return f"""
ready in {took:.1f} s
  gRPC    {ready.grpc}
  HTTP    {ready.http if settings.tls_cert else f"http://{ready.http}"}
  skills  {ready.skills}, from {place}
  state   {settings.home}
  key     {key}

In another terminal (Ctrl-C here stops it):
  {program} call echo --data '{{"hello": "world"}}'{away}
"""
