"""From a request to who asks a model, and how: by a key, or by a Grant."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from catnap.access import Grant, Principal
from catnap.calls.models import Asker, ModelCalls
from catnap.gateway import callers
from catnap.gateway.gateway import Gateway
from catnap.gateway.table import Handler
from catnap.http import Request, Response
from catnap.services.timings import written

Answers = Callable[..., Coroutine[Any, Any, Response]]
"""Called as `answers(gateway, asker, request, *parts)`."""


def by_key(answers: Answers) -> Handler:
    """A handler for the caller of a credential of its own."""

    @functools.wraps(answers)
    async def handler(
        gateway: Gateway, caller: Principal, request: Request, *parts: str
    ) -> Response:
        asker = callers.asker(caller, request)
        return _timed(asker, await answers(gateway, asker, request, *parts))

    return handler


def by_grant(answers: Answers) -> Handler:
    """A handler for a skill: of the models that its manifest allows."""

    @functools.wraps(answers)
    async def handler(gateway: Gateway, grant: Grant, request: Request, *parts: str) -> Response:
        asker = Asker(
            (grant.tenant, grant.user, grant.skill),
            None if grant.deadline is None else max(0.0, grant.deadline - time.time()),
            session=grant.session or "",
            traceparent=request.text(b"traceparent") or grant.traceparent,
            models=frozenset(grant.models),
            timings={},
        )
        return _timed(asker, await answers(gateway, asker, request, *parts))

    return handler


def _timed(asker: Asker, response: Response) -> Response:
    """A stream has begun, and nobody knows yet how long it takes."""
    if asker.timings:
        timing = (b"server-timing", written(asker.timings).encode())
        response.headers = [*response.headers, timing]
    return response


def names(models: ModelCalls, asker: Asker) -> Iterator[str]:
    """Of the models that it may ask, as it may ask for them."""
    for name, model in models.visible(asker.who[0]):
        if asker.models is None:
            yield name
        else:
            yield from sorted(asker.models & {name, *model.aliases})
