"""Our errors as gRPC statuses."""

from __future__ import annotations

import logging
from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from grpc import aio
from grpc_status import rpc_status

from catnap.errors import CatnapError, SkillCrashed

DOMAIN = "catnap"
Context = aio.ServicerContext[Any, Any]
_log = logging.getLogger(__name__)


async def abort(context: Context, error: CatnapError) -> NoReturn:
    """Ends an RPC with the error's status, its class as ErrorInfo, and when
    to try again as RetryInfo and as a pushback."""
    code = getattr(grpc.StatusCode, error.grpc)
    info = error_details_pb2.ErrorInfo(reason=type(error).__name__, domain=DOMAIN)
    details = [_packed(info)]
    if error.retry_after is not None:
        delay = Duration(nanos=int(error.retry_after % 1 * 1e9), seconds=int(error.retry_after))
        details.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
    status = status_pb2.Status(code=code.value[0], message=error.message, details=details)
    rich = rpc_status.to_status(status)
    trailers = list(rich.trailing_metadata)
    if error.retry_after is not None:
        trailers.append(("grpc-retry-pushback-ms", str(round(error.retry_after * 1000))))
    context.set_trailing_metadata(tuple(trailers))
    await context.abort(code, error.message, tuple(trailers))


async def end(context: Context, error: Exception) -> NoReturn:
    """Ends an RPC with whatever its method raised."""
    if isinstance(error, aio.AbortError):
        raise error
    if not isinstance(error, CatnapError):
        _log.error("an RPC failed", exc_info=error)
        error = SkillCrashed("an internal error; the gateway's log has it")
    await abort(context, error)


def _packed(message: Any) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
