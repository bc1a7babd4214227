"""Requests to models: within the limits, and counted."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from catnap.access.limiter import Limiter
from catnap.access.limits import Who
from catnap.calls.admit import admit_model
from catnap.inference import grpc_service_pb2 as oip
from catnap.models.registry import Entry
from catnap.models.remote import Embedded


async def embed(
    limits: Limiter, who: Who, entry: Entry, texts: Sequence[str], left: float | None
) -> Embedded:
    """who: with the skill that asks, if one does. left: seconds that the caller
    waits. Raises ResourceExhausted, and what the server raises."""
    with _within(limits, who):
        answer = await entry.server.embed(entry.name, texts, left)
    limits.spend(who, time.time(), tokens=sum(answer.tokens))
    return answer


async def infer(
    limits: Limiter, who: Who, entry: Entry, request: oip.ModelInferRequest, left: float | None
) -> oip.ModelInferResponse:
    """Likewise; of a model that reads no text nobody knows how many tokens it reads."""
    if "embed" not in entry.abilities:
        with _within(limits, who):
            return await entry.server.infer(request, left)
    with _within(limits, who):
        answer, tokens = await entry.server.counted(request, left)
    limits.spend(who, time.time(), tokens=tokens)
    return answer


@contextmanager
def _within(limits: Limiter, who: Who) -> Iterator[None]:
    admitted = admit_model(limits, who, time.time())
    try:
        yield
    finally:
        admitted.end(time.time())
