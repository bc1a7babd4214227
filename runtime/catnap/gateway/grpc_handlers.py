"""A service of gRPC, by the names of its methods.

grpc.aio waits for each method apart that the generated code registers, and does so
anew for every request: what they cost together is more than all that is decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass

_KINDS: dict[tuple[bool, bool], Callable[..., grpc.RpcMethodHandler[Any, Any]]] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}
"""By whether requests are read by the method, and whether the server streams."""


def handler(
    service: ServiceDescriptor,
    servicer: object,
    raw: Collection[str] = (),
    *,
    by_door: bool = True,
) -> grpc.GenericRpcHandler:
    """Each method of the service, by the servicer's of that name. raw: those that
    are given bytes as they came and give such bytes, so that what is only passed on
    is neither parsed nor written anew. To clients, and to reflection, they are as
    the others. by_door: they are behind ours, which reads the one request of those
    that have one, too, when it knows who asks: on the wire they are the same.
    """
    methods = {
        each.name: _handler(each, getattr(servicer, each.name), each.name in raw, by_door)
        for each in service.methods
    }
    return grpc.method_handlers_generic_handler(service.full_name, methods)


def _handler(
    method: MethodDescriptor, answers: Any, raw: bool, by_door: bool
) -> grpc.RpcMethodHandler[Any, Any]:
    make = _KINDS[by_door or method.client_streaming, method.server_streaming]
    if raw:
        return make(answers)
    takes, gives = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    return make(answers, takes.FromString, gives.SerializeToString)
