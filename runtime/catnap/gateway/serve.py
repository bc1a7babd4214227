"""`catnap serve`: from settings to a platform that answers, and back."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import os
import resource
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from catnap.errors import CatnapError, Unavailable
from catnap.gateway.gateway import Gateway
from catnap.gateway.routes import Routes
from catnap.gateway.rpc import ROTATE, Rpc, serve_grpc
from catnap.gateway.settings import Settings
from catnap.host import process
from catnap.http import Server, Target
from catnap.http.server_tls import server_context
from catnap.models.malloc import keep_blocks

_ALLOCATIONS = 10_000
"""Objects more than before, at which the collector looks at the newest."""

_ANY = "127.0.0.1:0"

GRACE = 10.0
"""Seconds that calls at work may take to end."""

LEAVE = ROTATE + 5.0
"""Seconds for which a gateway that is not the only one still takes calls after it was
told to stop: until all who know it have turned away. A client that found it in the
first seconds has been asked to connect anew by then, too."""

LONGEST = 600.0
"""Seconds that calls at work may then take to end, where new ones go elsewhere: no
skill has more."""


@dataclass(frozen=True)
class Ready:
    """http, grpc: where the platform listens, host:port. skills: how many."""

    http: str
    grpc: str
    skills: int


async def serve(
    settings: Settings, announce: Callable[[str], None], on_ready: Callable[[Ready], None]
) -> None:
    """Runs the platform until SIGINT or SIGTERM, or until it is cancelled.

    Raises CatnapError where it cannot start.
    """
    process.keep_secrets()
    keep_blocks()
    _allow_descriptors()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        async with AsyncExitStack() as parts:
            gateway = Gateway(settings, announce)
            # The last to end: calls at work leave by it. Their tunnels end
            # with them, and so need no grace of their own.
            parts.push_async_callback(gateway.egress.drain, 0)
            parts.push_async_callback(gateway.stop)
            routes = Routes(gateway)
            parts.push_async_callback(routes.close)
            # Ends after the calls that ask it, over HTTP and gRPC.
            callbacks = Server(routes.callbacks)
            parts.push_async_callback(callbacks.drain, GRACE)
            server = Server(routes)
            servers = [server]
            parts.push_async_callback(server.drain, GRACE)
            tls = server_context(settings.tls) if settings.tls else None
            secure = functools.partial(server.listen, tls=tls)
            host, port = await _listen(secure, "HTTP", settings.http)
            out, out_port = await _listen(gateway.egress.listen, "EGRESS", settings.egress)
            _check_free(settings.grpc)
            if settings.plain:
                plain = Server(routes)
                servers.append(plain)
                parts.push_async_callback(plain.drain, GRACE)
                await _listen(plain.listen, "PLAIN", settings.plain)
            back = (host, port)
            if settings.callback or tls:
                # Instances speak no TLS: by itself it is on loopback alone.
                back = await _listen(callbacks.listen, "CALLBACK", settings.callback or _ANY)
            await gateway.start(_address(*back), _address(out, out_port))
            rpc = await serve_grpc(gateway, settings.grpc)
            parts.push_async_callback(rpc.stop, GRACE)
            parts.callback(gateway.quiesce)
            _settle_memory()
            on_ready(
                Ready(
                    http=f"{host}:{port}",
                    grpc=f"{Target.parse(settings.grpc).host}:{rpc.port}",
                    skills=len(gateway.catalog),
                )
            )
            await stop.wait()
            if gateway.replicated:
                announce("stopping: new calls go elsewhere")
                await leave(gateway, rpc, *servers)
            announce("stopping: what is at work may end")
    except* CatnapError as errors:
        raise _first(errors) from None


async def leave(gateway: Gateway, rpc: Rpc, *servers: Server) -> None:
    """Returns when nobody sends new calls here any more and those that came have ended."""
    gateway.leave()
    await rpc.checks.enter_graceful_shutdown()
    for server in servers:
        server.draining = True  # each answer says: connect anew
    await asyncio.sleep(LEAVE)
    for server in servers:
        for connection in list(server.connections):
            connection.close_if_idle()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LONGEST):
            while calls := gateway.pipeline.live.tasks():
                await asyncio.wait(calls)


async def _listen(
    listen: Callable[..., Awaitable[tuple[str, int]]], name: str, address: str
) -> tuple[str, int]:
    where = Target.parse(address)
    try:
        return await listen(host=where.host, port=where.port)
    except OSError as error:
        raise Unavailable(
            f"cannot listen on {address}: {_reason(error)}; set CATNAP_{name} to another address"
        ) from None


def _reason(error: OSError) -> str:
    """asyncio puts the address into strerror once more; a name that is not
    found has no errno of the system's."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error.strerror)


def _check_free(address: str) -> None:
    """gRPC finds out too, but only when all else runs, and logs pages of it."""
    where = Target.parse(address)
    family = socket.AF_INET6 if ":" in where.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((where.host, where.port))
        except OSError as error:
            raise Unavailable(
                f"cannot listen on {address}: {_reason(error)}; set CATNAP_GRPC to another address"
            ) from None


def _settle_memory() -> None:
    """What is here now stays: the collector need not look at it again and again,
    nor after every few calls, of which each makes garbage that no cycle holds."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS, 50, 100)


def _allow_descriptors() -> None:
    """As many as the system lets us have: an instance takes two, and one for
    each call it has at work."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _address(host: str, port: int) -> str:
    """Where an instance on this machine reaches a gateway that listens on all
    addresses."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"{reachable}:{port}"


def _first(errors: BaseExceptionGroup[CatnapError]) -> CatnapError:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, CatnapError)
    return error
