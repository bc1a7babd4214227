"""A service of gRPC, by the names of its methods.

grpc.aio waits for each method apart that the generated code registers, and does so
anew for every request: what they cost together is more than all that is decided here.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass


def handler(
    service: ServiceDescriptor, servicer: object, raw: Collection[str] = ()
) -> grpc.GenericRpcHandler:
    """Each method of the service, by the servicer's of that name. raw: those that
    are given bytes as they came and give such bytes, so that what is only passed on
    is neither parsed nor written anew. To clients, and to reflection, they are as
    the others.

    Each is given its requests to read, those with one request, too: on the wire
    they are the same, and nothing is read of somebody who is not known.
    """
    methods = {
        each.name: _handler(each, getattr(servicer, each.name), each.name in raw)
        for each in service.methods
    }
    return grpc.method_handlers_generic_handler(service.full_name, methods)


def _handler(method: MethodDescriptor, answers: Any, raw: bool) -> grpc.RpcMethodHandler[Any, Any]:
    many = method.server_streaming
    make = grpc.stream_stream_rpc_method_handler if many else grpc.stream_unary_rpc_method_handler
    if raw:
        return make(answers)
    takes, gives = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    return make(answers, takes.FromString, gives.SerializeToString)
