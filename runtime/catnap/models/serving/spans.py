"""Each request as a span of the trace that it says it is part of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from catnap.traces.span import Tracer

Context = grpc.aio.ServicerContext[Any, Any]
Answers = Callable[[Any, Context], Awaitable[Any]]


def within_spans(tracer: Tracer, method: str, answers: Answers) -> Answers:
    """answers: what answers the method's requests."""

    async def answer(request: Any, context: Context) -> Any:
        said = dict(context.invocation_metadata() or ())
        span = tracer.begin(method, "server", str(said.get("traceparent", "")))
        try:
            found = await answers(request, context)
        except grpc.aio.AbortError:
            span.end(grpc.StatusCode(context.code()).name)
            raise
        except BaseException as error:
            span.end(type(error).__name__)
            raise
        span.end()
        return found

    return answer
