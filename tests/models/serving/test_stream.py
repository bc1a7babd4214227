"""Many requests on one stream, each with its own answers."""

import asyncio

import numpy as np

from catnap.inference import grpc_service_pb2 as oip
from catnap.models.settings import Batch, Model
from tests.models.serving import graphs
from tests.models.serving.asking import arrays, request, serving


def asked(name: str, number: float) -> oip.ModelInferRequest:
    found = request("same", x=np.full((1, 2), number, "f4"))
    found.id = name
    return found


async def test_each_answer_has_the_id_of_its_request_and_says_that_it_is_the_last(tmp_path):
    folder = graphs.put(graphs.identity(), tmp_path)
    model = Model(folder=str(folder), batch=Batch(delay=0.001))
    async with serving({"same": model}) as stub:
        requests = [asked(str(number), number) for number in range(300)]
        answers = [each async for each in stub.ModelStreamInfer(iter(requests))]
    found = {}
    for each in answers:
        assert not each.error_message
        assert each.infer_response.parameters["triton_final_response"].bool_param
        found[each.infer_response.id] = arrays(each.infer_response)["y"][0, 0]
    assert found == {str(number): number for number in range(300)}


async def test_what_is_wrong_with_one_request_is_told_beside_the_others_answers(tmp_path):
    folder = graphs.put(graphs.identity(), tmp_path)
    wrong = asked("wrong", 1)
    wrong.inputs[0].shape[0] = 2
    other = asked("other", 1)
    other.model_name = "other"
    async with serving({"same": Model(folder=str(folder))}) as stub:
        requests = [asked("first", 1), wrong, other, asked("last", 2)]
        answers = [each async for each in stub.ModelStreamInfer(iter(requests))]
    said = {each.infer_response.id: each.error_message for each in answers}
    assert said["first"] == said["last"] == ""
    assert "input 'x': shape [2, 2] of FP32 takes 16 bytes" in said["wrong"]
    assert "model 'other': unknown" in said["other"]


async def test_answers_come_while_the_client_still_asks(tmp_path):
    folder = graphs.put(graphs.identity(), tmp_path)
    async with serving({"same": Model(folder=str(folder))}) as stub:
        call = stub.ModelStreamInfer()
        for number in range(3):
            await call.write(asked("", number))
            async with asyncio.timeout(10):
                answer = await call.read()
            assert arrays(answer.infer_response)["y"][0, 0] == number
        await call.done_writing()
