"""ModelStreamInfer: many requests on one stream, each a request of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from grpc import aio

from catnap.inference import grpc_service_pb2 as oip
from catnap.models.settings import Model
from tests.gateway.inference import Asking, asking, tensor, until
from tests.models.upstreams import OipUpstream, oip_upstreams


@pytest.fixture
async def upstreams() -> AsyncIterator[list[OipUpstream]]:
    async with oip_upstreams(2) as servers:
        yield servers


@pytest.fixture
async def ask(tmp_path: Path, upstreams: list[OipUpstream]) -> AsyncIterator[Asking]:
    one, other = ((each.address,) for each in upstreams)
    models = {"m": Model(one, at_servers="theirs"), "other": Model(other)}
    async with asking(tmp_path, models) as ask:
        yield ask


async def test_each_request_has_its_answers_in_their_order(ask: Asking) -> None:
    stream = ask.stream()
    for number in range(100):
        await stream.write(tensor(b"%d" % number, id=str(number)))
    await stream.done_writing()
    answers = [each.infer_response async for each in stream]
    assert [each.id for each in answers] == [str(number) for number in range(100)]
    assert [each.raw_output_contents for each in answers] == [[b"%d" % n] for n in range(100)]
    assert {each.model_name for each in answers} == {"m"}


async def test_a_request_may_have_several_answers(
    ask: Asking, upstreams: list[OipUpstream]
) -> None:
    request = oip.ModelInferRequest(model_name="m", id="7")
    request.inputs.add(name="text_input", datatype="BYTES", shape=[1])
    request.raw_input_contents.append(b"\x02\0\0\0hi")
    upstreams[0].parts = 5
    stream = ask.stream()
    await stream.write(request)
    answers = [(await stream.read()).infer_response for _ in range(5)]
    assert [each.id for each in answers] == ["7"] * 5
    assert [each.parameters["triton_final_response"].bool_param for each in answers][-1]
    stream.cancel()


async def test_what_is_wrong_with_one_request_is_said_of_it_and_the_others_go_on(
    ask: Asking,
) -> None:
    malformed = tensor(b"1234", id="malformed")
    malformed.inputs[0].shape[0] = 5
    asked = [tensor(id="1"), tensor(model="unknown", id="no"), malformed, tensor(id="2")]
    stream = ask.stream()
    for each in asked:
        await stream.write(each)
    await stream.done_writing()
    answers = {each.infer_response.id: each async for each in stream}
    assert answers.keys() == {"1", "no", "malformed", "2"}
    assert "there is no model 'unknown'" in answers["no"].error_message
    assert "input 'data'" in answers["malformed"].error_message
    assert not answers["1"].error_message
    assert answers["2"].infer_response.raw_output_contents == [b"\x01\x02\x03\x04"]


async def test_one_model_does_not_wait_for_another(
    ask: Asking, upstreams: list[OipUpstream]
) -> None:
    upstreams[0].held = asyncio.Event()
    stream = ask.stream()
    await stream.write(tensor(id="slow"))
    await stream.write(tensor(model="other", id="fast"))
    assert (await stream.read()).infer_response.id == "fast"
    await stream.done_writing()
    upstreams[0].held.set()
    assert (await stream.read()).infer_response.id == "slow"
    assert await stream.read() is aio.EOF
    assert await stream.code() is grpc.StatusCode.OK


async def test_who_leaves_ends_what_is_at_work(ask: Asking, upstreams: list[OipUpstream]) -> None:
    upstreams[0].behaves = "hung"
    stream = ask.stream()
    await stream.write(tensor())
    await until(lambda: upstreams[0].asked)
    stream.cancel()
    await until(lambda: upstreams[0].left == 1)
