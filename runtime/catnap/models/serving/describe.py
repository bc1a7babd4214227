"""What a model is and what it did, in the protocol's messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from catnap.inference import grpc_service_pb2 as oip
from catnap.models.serving.served import About
from catnap.models.serving.signature import Tensor
from catnap.models.serving.statistics import Statistics, Took

_KINDS = oip.ModelInstanceGroup.Kind
_NS = 1_000_000_000


def metadata(name: str, versions: Sequence[str], about: About) -> oip.ModelMetadataResponse:
    return oip.ModelMetadataResponse(
        name=name,
        versions=versions,
        platform=about.platform,
        inputs=map(_tensor, about.signature.inputs),
        outputs=map(_tensor, about.signature.outputs),
    )


def config(name: str, about: About) -> oip.ModelConfig:
    batched = about.size > 0
    found = oip.ModelConfig(
        name=name,
        platform=about.platform,
        backend=about.backend,
        max_batch_size=about.size,
        instance_group=[_instance(name, about.device)],
    )
    for tensor in about.signature.inputs:
        found.input.add(
            name=tensor.name,
            data_type=_datatype(tensor),
            dims=tensor.shape[batched:],
            optional=tensor.optional,
        )
    for tensor in about.signature.outputs:
        found.output.add(name=tensor.name, data_type=_datatype(tensor), dims=tensor.shape[batched:])
    if batched:
        found.dynamic_batching.max_queue_delay_microseconds = round(about.delay * 1e6)
    if about.decoupled:
        found.model_transaction_policy.decoupled = True
    if about.buckets:
        found.parameters["buckets"].string_value = ",".join(map(str, about.buckets))
    return found


def statistics(name: str, version: str, found: Statistics) -> oip.ModelStatistics:
    """compute_infer has all of a run's time: what is before and after it in our
    code is not told apart."""
    return oip.ModelStatistics(
        name=name,
        version=version,
        last_inference=round(found.last * 1000),
        inference_count=found.rows,
        execution_count=sum(took.count for took in found.runs.values()),
        inference_stats=oip.InferStatistics(
            success=_took(found.success),
            fail=_took(found.fail),
            queue=_took(found.queue),
            compute_infer=_took(found.compute),
        ),
        batch_stats=[
            oip.InferBatchStatistics(batch_size=rows, compute_infer=_took(took))
            for rows, took in sorted(found.runs.items())
        ],
    )


def _tensor(tensor: Tensor) -> oip.ModelMetadataResponse.TensorMetadata:
    return oip.ModelMetadataResponse.TensorMetadata(
        name=tensor.name, datatype=tensor.datatype.oip, shape=tensor.shape
    )


def _datatype(tensor: Tensor) -> Any:
    name = tensor.datatype.oip
    return oip.DataType.Value("TYPE_STRING" if name == "BYTES" else f"TYPE_{name}")


def _instance(name: str, device: str) -> oip.ModelInstanceGroup:
    if device == "cpu":
        return oip.ModelInstanceGroup(name=name, count=1, kind=_KINDS.KIND_CPU)
    number = int(device.partition(":")[2] or 0)
    return oip.ModelInstanceGroup(name=name, count=1, kind=_KINDS.KIND_GPU, gpus=[number])


def _took(took: Took) -> oip.StatisticDuration:
    return oip.StatisticDuration(count=took.count, ns=round(took.seconds * _NS))
