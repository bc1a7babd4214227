"""The gRPC server: every service of ours, health, and reflection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor
from grpc import aio
from grpc_health.v1 import health_pb2
from grpc_health.v1.health import aio as health
from grpc_reflection.v1alpha import reflection, reflection_pb2

from catnap.errors import Unavailable
from catnap.gateway.gateway import Gateway
from catnap.gateway.grpc_files import Files
from catnap.gateway.grpc_handlers import handler
from catnap.gateway.grpc_inference import RAW, SERVICE, GRPCInferenceService
from catnap.gateway.grpc_models import Models
from catnap.gateway.grpc_skills import Skills
from catnap.gateway.grpc_tasks import Tasks
from catnap.gateway.grpc_tls import credentials
from catnap.gateway.reflected import Pool
from catnap.models.oip_server import MESSAGE
from catnap.v1 import files_pb2, models_pb2, skills_pb2, tasks_pb2

# The tensors of 256 MiB that model servers take, and what is around them. Clients
# that ping every ten seconds are welcome: gRPC's own default would cut them off.
_OPTIONS = [
    ("grpc.max_receive_message_length", MESSAGE),
    ("grpc.max_send_message_length", MESSAGE),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.so_reuseport", 0),
]
ROTATE = 10.0
"""Seconds after which a client is asked to connect anew, where another gateway may
answer it: what is at work stays on the old connection until it has ended."""


@dataclass(frozen=True)
class Rpc:
    """A server that listens on `port`."""

    server: aio.Server
    checks: health.HealthServicer
    port: int

    async def stop(self, grace: float) -> None:
        """Says that it is not to be asked any more, then lets what is at work
        end, for at most `grace` seconds."""
        await self.checks.enter_graceful_shutdown()
        await self.server.stop(grace)


async def serve_grpc(gateway: Gateway, address: str) -> Rpc:
    """Listens, with TLS where the settings have a certificate. Raises Unavailable
    where the address cannot be had."""
    tls = gateway.settings.tls
    secured = credentials(tls) if tls else None
    options = list(_OPTIONS)
    if gateway.replicated:
        options.append(("grpc.max_connection_age_ms", int(ROTATE * 1000)))
    server = aio.server(options=options)
    services: dict[ServiceDescriptor, object] = {
        SERVICE: GRPCInferenceService(gateway),
        _only(skills_pb2): Skills(gateway),
        _only(tasks_pb2): Tasks(gateway),
        _only(files_pb2): Files(gateway),
        _only(models_pb2): Models(gateway),
    }
    checks = health.HealthServicer()
    for name in ("", *(each.full_name for each in services)):
        await checks.set(name, health_pb2.HealthCheckResponse.SERVING)
    health_service = _only(health_pb2)
    names = [*(each.full_name for each in services), health_service.full_name]
    reflected = reflection.aio.ReflectionServicer(
        [*names, reflection.SERVICE_NAME], Pool(descriptor_pool.Default())
    )
    server.add_generic_rpc_handlers(
        [
            *(
                handler(each, servicer, RAW if each is SERVICE else ())
                for each, servicer in services.items()
            ),
            handler(health_service, checks, by_door=False),
            handler(_only(reflection_pb2), reflected, by_door=False),
        ]
    )
    try:
        if secured is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, secured)
    except RuntimeError:
        raise Unavailable(
            f"cannot listen on {address}; set CATNAP_GRPC to another address"
        ) from None
    await server.start()
    return Rpc(server, checks, port)


def _only(module: Any) -> ServiceDescriptor:
    """The service of a file."""
    (service,) = module.DESCRIPTOR.services_by_name.values()
    assert isinstance(service, ServiceDescriptor)
    return service
