"""The tensors of models that read text, as the model server of ours has them.

in    text       BYTES [-1]      UTF-8
out   embedding  FP32  [-1, n]
      tokens     INT32 [-1]      tokens read of each text after cutting
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from google.protobuf.message import DecodeError

from catnap.errors import SkillCrashed
from catnap.inference import grpc_service_pb2 as oip

TEXT, EMBEDDING, TOKENS = "text", "embedding", "tokens"


def texts_request(model: str, version: str, texts: Sequence[str]) -> bytes:
    """A ModelInferRequest's bytes."""
    request = oip.ModelInferRequest(model_name=model, model_version=version)
    tensor = request.inputs.add(name=TEXT, datatype="BYTES")
    tensor.shape.append(len(texts))
    request.raw_input_contents.append(packed(text.encode() for text in texts))
    return request.SerializeToString()


def packed(elements: Iterable[bytes]) -> bytes:
    """A BYTES tensor: each element after its length in four bytes."""
    parts = []
    for data in elements:
        parts.append(struct.pack("<I", len(data)))
        parts.append(data)
    return b"".join(parts)


def read_embeddings(answer: bytes) -> tuple[int, bytes, list[int]]:
    """Components of a vector, the vectors, and the tokens of each text. Raises
    SkillCrashed for an answer that is none."""
    try:
        found = oip.ModelInferResponse.FromString(answer)
        raw = dict(zip((o.name for o in found.outputs), found.raw_output_contents, strict=True))
        shape = next(o.shape for o in found.outputs if o.name == EMBEDDING)
        tokens = memoryview(raw.get(TOKENS, b"")).cast("i").tolist()
        return int(shape[-1]), raw[EMBEDDING], tokens
    except (DecodeError, ValueError, KeyError, StopIteration, IndexError, TypeError):
        raise SkillCrashed("the model's server gave an answer without embeddings") from None


def lacks_tokens(request: oip.ModelInferRequest) -> bool:
    """Whether it asks for some outputs, and not for this one."""
    return bool(request.outputs) and TOKENS not in (each.name for each in request.outputs)


def count_tokens(answer: bytes) -> int:
    """Of all texts; 0 where it does not say."""
    try:
        found = oip.ModelInferResponse.FromString(answer)
    except DecodeError:
        return 0
    for output, raw in zip(found.outputs, found.raw_output_contents, strict=False):
        if output.name == TOKENS and output.datatype == "INT32" and len(raw) % 4 == 0:
            return sum(memoryview(raw).cast("i"))
    return 0


def without_tokens(answer: bytes) -> bytes:
    """The answer as if they had not been asked for."""
    found = oip.ModelInferResponse.FromString(answer)
    for place, output in enumerate(found.outputs):
        if output.name == TOKENS:
            del found.outputs[place], found.raw_output_contents[place]
            break
    return found.SerializeToString()
