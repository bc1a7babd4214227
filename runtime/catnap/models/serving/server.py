"""The model server: the inference service, health and reflection on one gRPC port."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health
from grpc_reflection.v1alpha import reflection

from catnap.inference import grpc_service_pb2
from catnap.inference.grpc_service_pb2_grpc import add_GRPCInferenceServiceServicer_to_server
from catnap.models.serving import build
from catnap.models.serving.batcher import Limits
from catnap.models.serving.embedder import OnnxEmbedder, cores
from catnap.models.serving.engine import Engine
from catnap.models.serving.service import InferenceService
from catnap.models.serving.tokenizer import WordPieces

MAX_MESSAGE = 256 << 20
"""Bytes of one message, either way."""

DRAIN_SECONDS = 30.0

_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.max_send_message_length", MAX_MESSAGE),
    # Two servers on one port would each get half of the calls and no error.
    ("grpc.so_reuseport", 0),
    # By default a client that pings more than every 300 s is cut off.
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 1000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.keepalive_permit_without_calls", 1),
)


def limits(threads: int) -> Limits:
    """The shape of a batch for this many threads.

    Measured on MiniLM: past 256 tokens a thread, larger batches are no faster and
    only let the next request wait; a run costs about what 32 tokens cost.
    """
    return Limits(area=256 * threads, padding=32)


async def run(
    address: str,
    home: Path,
    threads: int | None = None,
    on_ready: Callable[[str], None] = lambda bound: None,
    stop: asyncio.Event | None = None,
) -> None:
    """Serve MiniLM until `stop` is set, then finish what was begun, for at most 30 s.

    `address` is host:port, where port 0 takes a free one, or unix:/path; `on_ready` is given
    the address in use. `threads` defaults to the cores this process may use. Builds the
    model under `home` first where it is missing. Raises weights.WeightsMissing, and OSError
    when the address cannot be had.
    """
    threads = threads or cores()
    model = build.ensure_apart(home)
    embedder = OnnxEmbedder(model.graph, threads)
    async with Engine(WordPieces(model.tokenizer), embedder, limits(threads)) as engine:
        await engine.embed(["warm"])
        await serve(
            address, InferenceService(build.NAME, engine), on_ready, stop or asyncio.Event()
        )


async def serve(
    address: str,
    service: InferenceService,
    on_ready: Callable[[str], None],
    stop: asyncio.Event,
) -> None:
    """`run` for a service that exists."""
    server = grpc.aio.server(options=_OPTIONS)
    names = [
        descriptor.full_name
        for descriptor in (
            grpc_service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"],
            health_pb2.DESCRIPTOR.services_by_name["Health"],
        )
    ]
    add_GRPCInferenceServiceServicer_to_server(service, server)
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
