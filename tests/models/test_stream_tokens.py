"""Tokens are counted of what passes on a stream, as of what is asked otherwise."""

from __future__ import annotations

import struct

import pytest

from catnap.inference import grpc_service_pb2 as oip
from catnap.models.settings import Model
from catnap.models.stream_tokens import StreamTokens

WRITES = Model(abilities=("generate",))
EMBEDS = Model(abilities=("embed",), dimensions=1)


def part(text: str = "", finish: str = "", prompt: int = 0, completion: int = 0) -> bytes:
    found = oip.ModelStreamInferResponse()
    answer = found.infer_response
    answer.outputs.add(name="text_output", datatype="BYTES", shape=[1])
    answer.raw_output_contents.append(struct.pack("<I", len(text)) + text.encode())
    if finish:
        answer.parameters["finish_reason"].string_param = finish
    if prompt or completion:
        answer.parameters["prompt_tokens"].int64_param = prompt
        answer.parameters["completion_tokens"].int64_param = completion
    return found.SerializeToString()


@pytest.mark.parametrize(
    ("parts", "counted"),
    [
        ([part("a"), part("b"), part("c", "stop")], (0, 3)),
        ([part("a"), part("bc", "stop", 5, 4)], (5, 4)),
        ([part("a"), part("b", "", 5, 2), part("", "length", 5, 3)], (5, 3)),
        ([part("a"), part("A", "stop", 1, 2), part("b", "stop", 10, 20)], (11, 22)),
        ([part("", "stop")], (0, 0)),
        ([b"\xff", oip.ModelStreamInferResponse(error_message="no").SerializeToString()], (0, 0)),
    ],
)
def test_what_a_model_wrote_is_what_its_last_part_says_or_else_its_parts(
    parts: list[bytes], counted: tuple[int, int]
) -> None:
    tokens = StreamTokens(WRITES)
    assert [tokens.answered(each) for each in parts] == parts
    assert (tokens.prompt, tokens.completion) == counted


@pytest.mark.parametrize("wanted", [(), ("embedding",), ("embedding", "tokens")])
def test_what_a_model_read_is_counted_and_told_to_who_asked_for_it(wanted: tuple[str, ...]) -> None:
    asked = oip.ModelInferRequest(model_name="m")
    for name in wanted:
        asked.outputs.add(name=name)
    tokens = StreamTokens(EMBEDS)
    sent = oip.ModelInferRequest.FromString(tokens.asked(asked, asked.SerializeToString()))
    names = [each.name for each in sent.outputs]
    assert (not names) if not wanted else ("tokens" in names)
    found = oip.ModelStreamInferResponse()
    for name, datatype, raw in (
        ("embedding", "FP32", struct.pack("<2f", 1, 2)),
        ("tokens", "INT32", struct.pack("<2i", 3, 4)),
    ):
        found.infer_response.outputs.add(name=name, datatype=datatype, shape=[2])
        found.infer_response.raw_output_contents.append(raw)
    passed = oip.ModelStreamInferResponse.FromString(tokens.answered(found.SerializeToString()))
    told = [each.name for each in passed.infer_response.outputs]
    assert told == list(wanted or ("embedding", "tokens"))
    assert len(passed.infer_response.raw_output_contents) == len(told)
    assert (tokens.prompt, tokens.completion) == (7, 0)


def test_of_other_models_nothing_is_read() -> None:
    tokens = StreamTokens(Model())
    assert tokens.asked(oip.ModelInferRequest(), b"asked") == b"asked"
    assert tokens.answered(b"answered") == b"answered"
