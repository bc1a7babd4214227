"""The door of gRPC: who calls a method, and whether they may, before it begins."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any
from urllib.parse import unquote

from google.protobuf.message import DecodeError
from grpc import aio

from catnap.access import Principal, Resource
from catnap.access.audited import Audited
from catnap.access.decision import ADMINISTRATIVE
from catnap.access.unbroken import unbroken
from catnap.errors import InvalidRequest
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
    async def wrapped(servicer: Any, requests: Any, context: Context) -> Any:
        try:
            async with _audited(servicer, method.__qualname__, context):
                caller, request = await _enter(servicer, about, requests, context)
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
    async def wrapped(servicer: Any, requests: Any, context: Context) -> AsyncIterator[Any]:
        try:
            async with _audited(servicer, method.__qualname__, context):
                caller, request = await _enter(servicer, about, requests, context)
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


async def _enter(
    servicer: Any, about: Method, requests: Any, context: Context
) -> tuple[Principal, Any]:
    """Who calls, and the request, which is read when that is known: of somebody
    without a credential nothing is held. requests: for a method that reads them
    itself."""
    if about.action == PUBLIC:
        return ANYONE, requests if about.many else await _read(context)
    gateway = servicer.gateway
    caller = await principal(gateway, context)
    request = await _read(context) if about.skill else requests
    skill = getattr(request, about.skill) if about.skill else ""
    allow(gateway, caller, about.action, Resource(caller.tenant, skill=skill))
    if about.many or about.skill:
        return caller, request
    return caller, await _read(context)


async def _read(context: Context) -> Any:
    """The one request. Raises InvalidRequest where none came, or what is none."""
    try:
        request = await context.read()
    except DecodeError:
        raise InvalidRequest("the request's bytes are no message of this method") from None
    if request is aio.EOF:
        raise InvalidRequest("no request came")
    return request
