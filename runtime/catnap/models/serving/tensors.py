"""The tensors of an embedding model in the Open Inference Protocol. Pure: messages, no calls.

    in    text       BYTES [-1]       UTF-8, at most 4096 texts
    out   embedding  FP32  [-1, 384]  each row of length one
          tokens     INT32 [-1]       tokens read of each text after cutting

https://github.com/kserve/open-inference-protocol
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from catnap.errors import InvalidRequest
from catnap.inference import grpc_service_pb2 as oip
from catnap.models.serving.embedder import WIDTH
from catnap.models.serving.engine import Embeddings

MAX_TEXTS = 4096

Tensor = oip.ModelMetadataResponse.TensorMetadata

INPUTS = (Tensor(name="text", datatype="BYTES", shape=[-1]),)
OUTPUTS = (
    Tensor(name="embedding", datatype="FP32", shape=[-1, WIDTH]),
    Tensor(name="tokens", datatype="INT32", shape=[-1]),
)


def read_texts(request: oip.ModelInferRequest) -> list[str]:
    """The texts of a request. Raises InvalidRequest, naming the tensor and what is wrong."""
    names = [tensor.name for tensor in request.inputs]
    if names != ["text"]:
        raise InvalidRequest(f"inputs: expected exactly one, text; got {names}")
    tensor = request.inputs[0]
    count = _count(tensor)
    texts = []
    for place, element in enumerate(_elements(request, tensor, count)):
        try:
            texts.append(str(element, "utf-8"))
        except UnicodeDecodeError as error:
            raise _wrong(f"element {place} is not UTF-8 at byte {error.start}") from None
    return texts


def read_outputs(request: oip.ModelInferRequest) -> list[str]:
    """The names of the outputs asked for, in that order; all of them by default."""
    known = [tensor.name for tensor in OUTPUTS]
    asked = [tensor.name for tensor in request.outputs]
    for name in asked:
        if name not in known:
            raise InvalidRequest(f"output {name!r}: unknown; there are {', '.join(known)}")
        if asked.count(name) > 1:
            raise InvalidRequest(f"output {name!r}: asked for twice")
    return asked or known


def write(
    request: oip.ModelInferRequest, version: str, names: Iterable[str], found: Embeddings
) -> oip.ModelInferResponse:
    """The answer to `request`, its tensors as raw contents."""
    response = oip.ModelInferResponse(
        model_name=request.model_name, model_version=version, id=request.id
    )
    arrays = {"embedding": found.vectors.astype("<f4"), "tokens": found.tokens.astype("<i4")}
    datatypes = {tensor.name: tensor.datatype for tensor in OUTPUTS}
    for name in names:
        array = arrays[name]
        response.outputs.add(name=name, datatype=datatypes[name], shape=array.shape)
        response.raw_output_contents.append(array.tobytes())
    return response


def _count(tensor: oip.ModelInferRequest.InferInputTensor) -> int:
    if tensor.datatype != "BYTES":
        raise _wrong(f"datatype is {tensor.datatype or 'missing'}, expected BYTES")
    shape = list(tensor.shape)
    if any(size < 0 for size in shape):
        raise _wrong(f"shape {shape} has a negative dimension")
    if len(shape) != 1:
        raise _wrong(f"shape {shape} has {len(shape)} dimensions, expected 1")
    if shape[0] > MAX_TEXTS:
        raise _wrong(f"{shape[0]} texts, at most {MAX_TEXTS} in one request")
    return shape[0]


def _elements(
    request: oip.ModelInferRequest, tensor: oip.ModelInferRequest.InferInputTensor, count: int
) -> Sequence[bytes | memoryview]:
    raw = request.raw_input_contents
    typed = tensor.contents.ListFields()
    if raw and typed:
        raise _wrong("contents and raw_input_contents are mixed, use one of them")
    if raw:
        if len(raw) != 1:
            raise InvalidRequest(f"raw_input_contents: {len(raw)} entries for 1 input")
        return _split(raw[0], count)
    for descriptor, _ in typed:
        if descriptor.name != "bytes_contents":
            raise _wrong(f"its contents are in {descriptor.name}, expected bytes_contents")
    elements = tensor.contents.bytes_contents
    if len(elements) != count:
        raise _wrong(f"shape [{count}] disagrees with {len(elements)} elements in bytes_contents")
    return elements


def _split(raw: bytes, count: int) -> list[memoryview]:
    """The elements of a BYTES tensor: each a 4-byte little-endian length, then its bytes."""
    elements: list[memoryview] = []
    view, at = memoryview(raw), 0
    while at < len(raw):
        if len(raw) - at < 4:
            raise _wrong(f"{len(raw) - at} bytes left at byte {at}, too few for a length")
        (length,) = struct.unpack_from("<I", raw, at)
        at += 4
        if length > len(raw) - at:
            raise _wrong(
                f"element {len(elements)} claims {length} bytes and {len(raw) - at} are left"
            )
        elements.append(view[at : at + length])
        at += length
        if len(elements) > count:
            break
    if len(elements) != count:
        more = "more than " if len(elements) > count else ""
        found = f"{more}{min(len(elements), count)}"
        raise _wrong(f"shape [{count}] disagrees with {found} elements in its {len(raw)} bytes")
    return elements


def _wrong(what: str) -> InvalidRequest:
    return InvalidRequest(f"input text: {what}")
