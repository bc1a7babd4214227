"""How the gateway itself does: its health, and its metrics."""

from __future__ import annotations

from catnap.access import Principal, is_loopback
from catnap.access.principal import DEFAULT_TENANT
from catnap.errors import Unavailable
from catnap.gateway.callers import principal
from catnap.gateway.gateway import Gateway
from catnap.http import Request, Response

_KIND = [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")]


async def health(gateway: Gateway, caller: Principal, request: Request) -> Response:
    if gateway.leaving:
        raise Unavailable("the gateway is about to stop", retry_after=1)
    return Response.text("ok\n")


async def scraper(gateway: Gateway, request: Request) -> Principal:
    """Who asks for metrics: on this machine whoever does, without a key."""
    addresses = (gateway.settings.http, gateway.settings.plain)
    if all(map(is_loopback, filter(None, addresses))):
        return Principal(DEFAULT_TENANT, None, frozenset(("operator",)), "this machine")
    return await principal(gateway, request)


async def metrics(gateway: Gateway, caller: Principal, request: Request) -> Response:
    instances = gateway.pipeline.metrics.instances
    instances.clear()
    for status in gateway.platform.status():
        instances.labels(status.service).inc(status.instances)
    await gateway.server_metrics.look()
    return Response(200, _KIND, gateway.pipeline.metrics.text() + gateway.egress.records.text())
