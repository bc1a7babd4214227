"""What `catnap doctor` looks at that runs, or could: gateway, builder, cluster."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from importlib.metadata import version

import msgspec

from catnap.cli.connection import http_client, token
from catnap.cli.machine import Finding
from catnap.cli.settings import Settings
from catnap.errors import CatnapError
from catnap.http import Target
from catnap.services.containers import builder

PATIENCE = 5.0
"""Seconds for one answer."""


class _Platform(msgspec.Struct):
    version: str = ""


async def gateway(settings: Settings) -> list[Finding]:
    """The one that answers at the address of the settings; where none does,
    whether one could."""
    own = version("catnap-functions")
    where = settings.http if "://" in settings.http else f"http://{settings.http}"
    try:
        async with asyncio.timeout(PATIENCE):
            status, theirs = await _ask(settings)
    except (CatnapError, TimeoutError, OSError):
        return [
            Finding("gateway", "ok", f"none at {where}: `catnap serve` starts one"),
            *(_port(name, getattr(settings, name)) for name in ("http", "grpc")),
        ]
    if status != 200:
        advice = "set CATNAP_TOKEN, or CATNAP_HOME to its state folder"
        said = f"answers at {where}, but not to this credential ({status})"
        return [Finding("gateway", "degraded", said, advice)]
    if theirs and theirs != own:
        said = f"version {theirs} at {where}, and this is {own}"
        return [Finding("gateway", "degraded", said, "start it anew")]
    return [Finding("gateway", "ok", f"version {theirs or own} at {where}")]


async def _ask(settings: Settings) -> tuple[int, str]:
    client = http_client(settings)
    try:
        key = token(settings, settings.http)
        headers = [(b"authorization", f"Bearer {key}".encode())] if key else []
        reply = await client.request(Target.parse(settings.http), "GET", "/platform", headers)
        body = await reply.read()
    finally:
        await client.close()
    with contextlib.suppress(msgspec.DecodeError):
        return reply.status, msgspec.json.decode(body, type=_Platform).version
    return reply.status, ""


def _port(name: str, address: str) -> Finding:
    what, where = f"{name} port", Target.parse(address)
    with socket.socket(socket.AF_INET6 if ":" in where.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((where.host, where.port))
        except OSError as error:
            advice = f"end what listens there, or set CATNAP_{name.upper()}"
            return Finding(what, "missing", f"{address}: {os.strerror(error.errno or 0)}", advice)
    return Finding(what, "ok", f"{address} is free")


async def builders() -> Finding:
    """Who makes images, which a cluster alone needs."""
    try:
        async with asyncio.timeout(PATIENCE):
            found = await builder.find(os.environ.get("CATNAP_BUILDER", ""))
    except (CatnapError, TimeoutError) as error:
        said = str(error) or "does not answer"
        advice = "install docker, podman or buildah, if you deploy to a cluster"
        return Finding("image builder", "degraded", said.partition(":")[0], advice)
    return Finding("image builder", "ok", found.program)


async def cluster() -> Finding:
    """The one of KUBECONFIG, if that is set."""
    if not os.environ.get("KUBECONFIG"):
        return Finding("cluster", "ok", "KUBECONFIG is not set: none is asked for")
    try:
        from catnap.services.knative.api import Api

        api = Api.connect()
        async with asyncio.timeout(PATIENCE):
            found = await api.get("/version")
            groups = await api.get("/apis")
    except ImportError:
        advice = "pip install 'catnap-functions[deploy]'"
        return Finding("cluster", "missing", "the kubernetes package is not installed", advice)
    except (CatnapError, TimeoutError) as error:
        said = str(error) or f"no answer within {PATIENCE:.0f} s"
        return Finding("cluster", "missing", said, "check KUBECONFIG and its current context")
    said = f"Kubernetes {found.get('gitVersion', 'of unknown version')} at {api.server}"
    if "serving.knative.dev" not in {each["name"] for each in groups.get("groups", ())}:
        return Finding("cluster", "missing", f"{said} has no Knative Serving", "install it")
    return Finding("cluster", "ok", f"{said}, with Knative Serving")
