"""The gRPC server: every service of ours, health, and reflection."""

from __future__ import annotations

from dataclasses import dataclass

from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health
from grpc_reflection.v1alpha import reflection

from catnap.errors import Unavailable
from catnap.gateway.gateway import Gateway
from catnap.gateway.grpc_files import Files
from catnap.gateway.grpc_inference import RAW, SERVICE, GRPCInferenceService
from catnap.gateway.grpc_models import Models
from catnap.gateway.grpc_raw_door import handler
from catnap.gateway.grpc_skills import Skills
from catnap.gateway.grpc_tasks import Tasks
from catnap.gateway.grpc_tls import credentials
from catnap.inference import grpc_service_pb2
from catnap.models.oip_server import MESSAGE
from catnap.v1 import files_pb2, models_pb2, skills_pb2, tasks_pb2
from catnap.v1.files_pb2_grpc import add_FilesServicer_to_server
from catnap.v1.models_pb2_grpc import add_ModelsServicer_to_server
from catnap.v1.skills_pb2_grpc import add_SkillsServicer_to_server
from catnap.v1.tasks_pb2_grpc import add_TasksServicer_to_server

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
_FILES = (skills_pb2, tasks_pb2, files_pb2, models_pb2, grpc_service_pb2)


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
    add_SkillsServicer_to_server(Skills(gateway), server)
    add_TasksServicer_to_server(Tasks(gateway), server)
    add_FilesServicer_to_server(Files(gateway), server)
    add_ModelsServicer_to_server(Models(gateway), server)
    server.add_generic_rpc_handlers((handler(SERVICE, GRPCInferenceService(gateway), RAW),))
    names = [
        service.full_name
        for module in _FILES
        for service in module.DESCRIPTOR.services_by_name.values()
    ]
    checks = health.HealthServicer()
    for name in ("", *names):
        await checks.set(name, health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    names += [health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME]
    reflection.enable_server_reflection(names, server)
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
