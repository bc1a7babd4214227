"""An answer of the Open Inference Protocol's gRPC as that of its REST, with
Triton's extension for binary tensor data. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from catnap.errors import InvalidRequest, SkillCrashed
from catnap.gateway.oip_elements import ASK_BINARY, from_bytes, packed, texts
from catnap.inference import grpc_service_pb2 as oip

MAX_JSON = 4 << 20
"""Bytes of raw tensors that are written as JSON: four times as many, at once."""

Output = oip.ModelInferResponse.InferOutputTensor


def write(
    answer: oip.ModelInferResponse, binary: Callable[[str], bool]
) -> tuple[bytes, list[bytes]]:
    """JSON, and the binary data that follows it. binary: whether an output is
    to be of that. A float that JSON has no number for is null.

    Raises InvalidRequest, naming the output, for what JSON has no form for, and
    SkillCrashed where the server's answer is not whole.
    """
    raws = answer.raw_output_contents
    if raws and len(raws) != len(answer.outputs):
        raise SkillCrashed(
            f"model {answer.model_name!r}: its server gave {len(answer.outputs)} outputs and "
            f"the contents of {len(raws)}"
        )
    outputs, follows, left = list[dict[str, Any]](), list[bytes](), MAX_JSON
    for number, output in enumerate(answer.outputs):
        parameters = to_plain(output.parameters)
        # KServe's servers say so over gRPC too, where it means nothing.
        parameters.pop("binary_data_size", None)
        described: dict[str, Any] = {
            "name": output.name,
            "datatype": output.datatype,
            "shape": list(output.shape),
        }
        if binary(output.name):
            raw = raws[number] if raws else _packed(output)
            parameters["binary_data_size"] = len(raw)
            follows.append(raw)
        else:
            left -= len(raws[number]) if raws else output.ByteSize()
            if left < 0:
                raise InvalidRequest(f"{_called(output)}: is too large for JSON: {ASK_BINARY}")
            described["data"] = _data(output, raws[number] if raws else None)
        if parameters:
            described["parameters"] = parameters
        outputs.append(described)
    said: dict[str, Any] = {"model_name": answer.model_name}
    if answer.model_version:
        said["model_version"] = answer.model_version
    if answer.id:
        said["id"] = answer.id
    if answer.parameters:
        said["parameters"] = to_plain(answer.parameters)
    return msgspec.json.encode(said | {"outputs": outputs}), follows


def to_plain(parameters: Mapping[str, oip.InferParameter]) -> dict[str, Any]:
    chosen = (
        (name, each, each.WhichOneof("parameter_choice")) for name, each in parameters.items()
    )
    return {name: getattr(each, choice) for name, each, choice in chosen if choice}


def _data(output: Output, raw: bytes | None) -> Any:
    if raw is not None:
        return from_bytes(_called(output), output.datatype, raw)
    found = _typed(output)
    return texts(_called(output), found) if output.datatype == "BYTES" else found


def _packed(output: Output) -> bytes:
    return packed(_called(output), output.datatype, _typed(output))


def _typed(output: Output) -> list[Any]:
    return [each for _, values in output.contents.ListFields() for each in values]


def _called(output: Output) -> str:
    return f"output {output.name!r}"
