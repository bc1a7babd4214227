"""Whether what a server of the Open Inference Protocol answered is the answer to
what it was asked. Its tensors are left where they are: see wire."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from catnap.errors import SkillCrashed
from catnap.inference import grpc_service_pb2 as oip
from catnap.models.verdict import Fault, UpstreamError
from catnap.models.wire import SMALL, apart

_RAW = 6
"""The field of raw_output_contents."""
_INFER_RESPONSE = 2
"""The field of a ModelStreamInferResponse that has one of the others."""


def check(model: str, raw: bytes, name: str, id: str) -> None:  # noqa: A002
    """Raises UpstreamError for what is no ModelInferResponse, another model's, or
    another request's: of one that had an id. model: the name that errors give.
    name: what the server calls it. id: the request's."""
    try:
        rest = raw if len(raw) <= SMALL else apart(raw, _RAW)[0]
        found = oip.ModelInferResponse.FromString(rest)
    except (DecodeError, ValueError):
        raise _wrong(Fault.SERVER, model, "with what is no ModelInferResponse") from None
    # Servers that all name it otherwise are no reason to ask none of them.
    if found.model_name != name:
        said = f"for model {found.model_name[:100]!r}, and was asked for {name!r}"
        raise _wrong(Fault.EITHER, model, said)
    if id and found.id not in (id, ""):
        said = f"a request of id {found.id[:100]!r}, and was asked by {id[:100]!r}"
        raise _wrong(Fault.EITHER, model, said)


def check_part(model: str, raw: bytes) -> None:
    """Likewise for what is no ModelStreamInferResponse. Whose answer it is, its
    reader finds out: on a stream they pass each other."""
    try:
        if len(raw) <= SMALL:
            oip.ModelStreamInferResponse.FromString(raw)
            return
        rest, answers = apart(raw, _INFER_RESPONSE)
        oip.ModelStreamInferResponse.FromString(rest)
        for answer in answers:
            oip.ModelInferResponse.FromString(apart(answer, _RAW)[0])
    except (DecodeError, ValueError):
        raise _wrong(Fault.SERVER, model, "with what is no ModelStreamInferResponse") from None


def _wrong(fault: Fault, model: str, what: str) -> UpstreamError:
    return UpstreamError(fault, SkillCrashed(f"model {model!r}: its server answered {what}"))
