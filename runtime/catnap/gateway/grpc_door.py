"""The door of gRPC: who calls a method, and whether they may, before it begins."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any
from urllib.parse import unquote

from catnap.access import Principal, Resource
from catnap.access.audited import Audited
from catnap.access.decision import ADMINISTRATIVE
from catnap.access.unbroken import unbroken
from catnap.gateway.door import ANYONE, allow
from catnap.gateway.grpc_callers import principal
from catnap.gateway.methods import METHODS, Method
from catnap.gateway.status import Context, end
from catnap.gateway.table import PUBLIC


def answers(
    method: Callable[[Any, Principal, Any, Context], Coroutine[Any, Any, Any]],
) -> Callable[[Any, Any, Context], Coroutine[Any, Any, Any]]:
    """A method with one answer, called for its caller as METHODS says. What it
    raises becomes a status."""
    about = METHODS[method.__qualname__]

    @functools.wraps(method)
    async def wrapped(servicer: Any, request: Any, context: Context) -> Any:
        try:
            async with _audited(servicer, method.__qualname__, context):
                caller = await _caller(servicer, about, request, context)
                answering = method(servicer, caller, request, context)
                return await (unbroken(answering) if about.action in ADMINISTRATIVE else answering)
        except Exception as error:
            await end(context, error)

    return wrapped


def streams(
    method: Callable[[Any, Principal, Any, Context], AsyncIterator[Any]],
) -> Callable[[Any, Any, Context], AsyncIterator[Any]]:
    """A method with a stream of answers, likewise."""
    about = METHODS[method.__qualname__]

    @functools.wraps(method)
    async def wrapped(servicer: Any, request: Any, context: Context) -> AsyncIterator[Any]:
        try:
            async with _audited(servicer, method.__qualname__, context):
                caller = await _caller(servicer, about, request, context)
                async for message in method(servicer, caller, request, context):
                    yield message
        except Exception as error:
            await end(context, error)

    return wrapped


def _audited(servicer: Any, method: str, context: Context) -> Audited:
    return Audited(servicer.gateway.audit, lambda: (method, _host(context.peer())))


def _host(peer: str) -> str:
    """The address in gRPC's `ipv4:127.0.0.1:4711` or `ipv6:%5B::1%5D:4711`."""
    return unquote(peer.partition(":")[2].rpartition(":")[0]).strip("[]")


async def _caller(servicer: Any, about: Method, request: Any, context: Context) -> Principal:
    if about.action == PUBLIC:
        return ANYONE
    gateway = servicer.gateway
    caller = await principal(gateway, context)
    skill = getattr(request, about.skill) if about.skill else ""
    allow(gateway, caller, about.action, Resource(caller.tenant, skill=skill))
    return caller
