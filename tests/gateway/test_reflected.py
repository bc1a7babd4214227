"""Whatever a client of reflection asks for by name, it is told the file of."""

from __future__ import annotations

import pytest
from google.protobuf import descriptor_pool

from catnap.gateway.reflected import Pool
from catnap.inference import grpc_service_pb2

FILE = grpc_service_pb2.DESCRIPTOR.name


@pytest.mark.parametrize(
    "symbol",
    [
        "inference.GRPCInferenceService",
        "inference.GRPCInferenceService.ModelInfer",
        "inference.ModelInferRequest",
        "inference.ModelInferRequest.InferInputTensor",
    ],
)
def test_a_method_is_found_as_services_and_messages_are(symbol: str) -> None:
    assert Pool(descriptor_pool.Default()).FindFileContainingSymbol(symbol).name == FILE


@pytest.mark.parametrize("symbol", ["", "inference", "inference.GRPCInferenceService.Absent"])
def test_what_there_is_not_is_not_found(symbol: str) -> None:
    with pytest.raises(KeyError):
        Pool(descriptor_pool.Default()).FindFileContainingSymbol(symbol)


def test_all_else_is_the_pools_own() -> None:
    found = Pool(descriptor_pool.Default()).FindMessageTypeByName("inference.ModelInferRequest")
    assert found.file.name == FILE
