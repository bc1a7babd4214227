"""What every model of this server is, whatever runs it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Protocol

from catnap.inference import grpc_service_pb2 as oip
from catnap.models.request import Request
from catnap.models.serving.signature import Signature
from catnap.models.serving.statistics import Statistics
from catnap.models.serving.tensors import Parameter
from catnap.models.serving.worker import Job

TIMINGS = "catnap_timings"
"""The parameter of a request that asks for those of its answer."""


FINAL = oip.ModelInferResponse(
    parameters={"triton_final_response": oip.InferParameter(bool_param=True)}
).SerializeToString()
"""Behind the last answer of a stream to a request: messages that follow each other are one."""


@dataclass(frozen=True)
class About:
    """signature: of its tensors. platform, backend: as Triton calls what runs it.
    size: rows of one run at most; 0 where requests are not put together. delay:
    seconds that the first of a run waits. decoupled: a request has several answers."""

    signature: Signature
    platform: str
    backend: str
    size: int = 0
    delay: float = 0.0
    buckets: tuple[int, ...] = ()
    device: str = "cpu"
    decoupled: bool = False


class Served(Protocol):
    """One version of a model, loaded and warm."""

    @property
    def about(self) -> About: ...

    @property
    def statistics(self) -> Statistics: ...

    def start(self) -> None:
        """Called once, by the event loop that asks it."""
        ...

    async def infer(self, request: Request, version: str, timeout: float | None) -> bytes:
        """A ModelInferResponse, from this version by that name, within so many
        seconds. Cancelling the call takes the request from the queue. Raises
        InvalidRequest, ResourceExhausted, DeadlineExceeded, Unavailable."""
        ...

    def stream(
        self, request: Request, version: str, timeout: float | None
    ) -> AsyncGenerator[bytes, None]:
        """The same, for models that have several answers to a request."""
        ...

    async def close(self) -> None:
        """Finishes what is in hand, and is gone."""
        ...


def timings(request: Request, job: Job) -> Mapping[str, Parameter]:
    """What a request took, if it asks."""
    if not request.message.parameters or TIMINGS not in request.message.parameters:
        return {}
    return {
        "queue_ms": round((job.began - job.came) * 1000, 3),
        "compute_ms": round(job.compute * 1000, 3),
        "batch_size": job.batch,
    }
