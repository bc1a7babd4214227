"""What a model server answers is passed on where it is the answer to what was asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catnap.errors import SkillCrashed
from catnap.inference import grpc_service_pb2 as oip
from catnap.models.answer import check, check_part
from catnap.models.verdict import Fault, UpstreamError


def answer(name: str = "theirs", id: str = "7", size: int = 4) -> bytes:  # noqa: A002
    found = oip.ModelInferResponse(model_name=name, id=id, raw_output_contents=[bytes(size)])
    return found.SerializeToString()


def wrong(raw: bytes, asked_by: str = "7") -> UpstreamError:
    with pytest.raises(UpstreamError, match=r"^model 'm': its server answered") as raised:
        check("m", raw, "theirs", asked_by)
    assert isinstance(raised.value.error, SkillCrashed)
    return raised.value


@pytest.mark.parametrize("size", [4, 1 << 20])
def test_the_answer_to_what_was_asked_passes(size: int) -> None:
    check("m", answer(size=size), "theirs", "7")
    check("m", answer(size=size, id=""), "theirs", "7")  # not every server repeats it
    check("m", answer(size=size, id="some"), "theirs", "")  # some make one up


@pytest.mark.parametrize("size", [4, 1 << 20])
def test_another_requests_answer_is_refused(size: int) -> None:
    assert wrong(answer(id="8", size=size)).fault is Fault.EITHER


@pytest.mark.parametrize("name", ["", "another", "x" * 10_000])
def test_another_models_answer_is_refused(name: str) -> None:
    error = wrong(answer(name))
    assert error.fault is Fault.EITHER
    assert len(str(error)) < 300


@pytest.mark.parametrize("cut", [1, 70_000])
def test_what_is_no_answer_is_the_servers_fault(cut: int) -> None:
    assert wrong(answer(size=1 << 20)[:-cut]).fault is Fault.SERVER


@given(st.binary(max_size=100))
def test_noise_is_no_answer(raw: bytes) -> None:
    wrong(raw)


def part(size: int) -> bytes:
    inner = oip.ModelInferResponse.FromString(answer(size=size))
    return oip.ModelStreamInferResponse(infer_response=inner).SerializeToString()


@pytest.mark.parametrize("size", [4, 1 << 20])
def test_a_part_of_an_answer_is_one(size: int) -> None:
    check_part("m", part(size))
    check_part("m", part(size) + b"\x12\x04\x12\x02v2")  # what is added to it is merged
    for wrong_ in (part(size)[:-1], part(size) + b"\x12\x02\x12\x02", b"\xff" * size):
        with pytest.raises(UpstreamError) as raised:
            check_part("m", wrong_)
        assert raised.value.fault is Fault.SERVER
