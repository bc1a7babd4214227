"""How a client connects: options, credentials, and the four services."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc

from catnap.client.status import from_rpc_error
from catnap.errors import InvalidRequest
from catnap.v1 import files_pb2_grpc, models_pb2_grpc, skills_pb2_grpc, tasks_pb2_grpc

MAX_MESSAGE = 100_000_000 + 1_000_000
"""A payload at its limit, and room for what is around it. Bytes."""

_OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.max_send_message_length", MAX_MESSAGE),
    # Notices a gateway that is gone while a long call waits. More often than
    # this is what servers take for abuse.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # A gateway that comes back is found within seconds, not minutes.
    ("grpc.max_reconnect_backoff_ms", 5_000),
)
_TOKEN = re.compile(r"[\x21-\x7e]+\Z")


def options(address: str) -> list[tuple[str, Any]]:
    """The channel's options. On loopback no proxy stands between, whatever
    the environment says."""
    return [*_OPTIONS, ("grpc.enable_http_proxy", 0 if is_loopback(address) else 1)]


def is_loopback(address: str) -> bool:
    """Whether `host:port` can only be this machine."""
    address = address.removeprefix("https://")
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or address.startswith("unix:")


def metadata(token: str) -> tuple[tuple[str, str], ...]:
    """What goes along with every call. Raises InvalidRequest for a token that
    no header can carry."""
    if not token:
        return ()
    if not _TOKEN.match(token):
        raise InvalidRequest("the token holds a space or a character that is not ASCII")
    return (("authorization", f"Bearer {token}"),)


@dataclass(frozen=True)
class Stubs:
    """The gateway's services over one channel, blocking or asyncio."""

    address: str
    metadata: Sequence[tuple[str, str]]
    skills: skills_pb2_grpc.SkillsStub
    tasks: tasks_pb2_grpc.TasksStub
    files: files_pb2_grpc.FilesStub
    models: models_pb2_grpc.ModelsStub

    @classmethod
    def over(cls, channel: grpc.Channel | grpc.aio.Channel, address: str, token: str) -> Stubs:
        # At run time a stub is the same class over either kind of channel.
        either: Any = channel
        return cls(
            address=address,
            metadata=metadata(token),
            skills=skills_pb2_grpc.SkillsStub(either),
            tasks=tasks_pb2_grpc.TasksStub(either),
            files=files_pb2_grpc.FilesStub(either),
            models=models_pb2_grpc.ModelsStub(either),
        )

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Inside, gRPC's refusals are raised as errors of our tree."""
        try:
            yield
        except grpc.RpcError as error:
            raise from_rpc_error(error, self.address) from error
