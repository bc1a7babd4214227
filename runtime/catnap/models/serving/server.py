"""The model server: the inference service, health and reflection on one gRPC port."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health
from grpc_reflection.v1alpha import reflection

from catnap.models.oip_server import MESSAGE
from catnap.models.serving.repository import Repository
from catnap.models.serving.service import RAW, SERVICE, InferenceService
from catnap.models.serving.spans import within_spans
from catnap.traces.span import UNTRACED, Tracer

DRAIN_SECONDS = 30.0

_OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE),
    ("grpc.max_send_message_length", MESSAGE),
    # Two servers on one port would each get half of the calls and no error.
    ("grpc.so_reuseport", 0),
    # By default a client that pings more than every 300 s is cut off.
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 1000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.keepalive_permit_without_calls", 1),
)


async def serve(
    address: str,
    repository: Repository,
    on_ready: Callable[[str], None],
    stop: asyncio.Event,
    tracer: Tracer = UNTRACED,
) -> None:
    """Serves until `stop` is set, then finishes what was begun, for at most 30 s.

    address: host:port, where port 0 takes a free one, or unix:/path; `on_ready` is
    given the address in use. tracer: is told of each inference. Raises OSError when
    the address cannot be had.
    """
    server = grpc.aio.server(options=_OPTIONS)
    names = [SERVICE.full_name, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name]
    server.add_generic_rpc_handlers((_handler(InferenceService(repository), tracer),))
    checks = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], server)
    for name in ("", *names):
        await checks.set(name, health_pb2.HealthCheckResponse.SERVING)
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise OSError(f"cannot listen on {address}: {error}") from None
    await server.start()
    host, colon, _ = address.rpartition(":")
    on_ready(address if address.startswith("unix:") else f"{host}{colon}{port}")
    try:
        await stop.wait()
    finally:
        await checks.enter_graceful_shutdown()
        await server.stop(DRAIN_SECONDS)


def _handler(service: InferenceService, tracer: Tracer) -> grpc.GenericRpcHandler:
    methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
    for each in SERVICE.methods:
        answers = getattr(service, each.name)
        if each.name in RAW and tracer is not UNTRACED:
            answers = within_spans(tracer, each.name, answers)
        if each.client_streaming:
            methods[each.name] = grpc.stream_stream_rpc_method_handler(answers)
        elif each.name in RAW:
            methods[each.name] = grpc.unary_unary_rpc_method_handler(answers)
        else:
            takes, gives = GetMessageClass(each.input_type), GetMessageClass(each.output_type)
            methods[each.name] = grpc.unary_unary_rpc_method_handler(
                answers, takes.FromString, gives.SerializeToString
            )
    return grpc.method_handlers_generic_handler(SERVICE.full_name, methods)
