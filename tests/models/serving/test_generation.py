"""Text of a language model, over ModelStreamInfer as Triton's vLLM backend has it."""

import asyncio
import json
import sys
import threading

import grpc
import pytest

from catnap.errors import InvalidRequest, Unavailable
from catnap.inference import grpc_service_pb2 as oip
from catnap.models.request import parse
from catnap.models.serving.genai import Language
from catnap.models.serving.generation import Generation
from catnap.models.settings import Batch, Model
from tests.models.serving import language
from tests.models.serving.asking import add, arrays, pack, serving


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return language.write(tmp_path_factory.mktemp("language"))


@pytest.fixture
async def stub(folder):
    model = Model(folder=str(folder), abilities=("generate",), batch=Batch(size=4))
    async with serving({"writer": model}) as stub:
        yield stub


def asked(prompt="hello", stream=True, name="", **sampling) -> oip.ModelInferRequest:
    found = oip.ModelInferRequest(model_name="writer", id=name)
    add(found, "text_input", "BYTES", (1,), pack(prompt.encode()))
    add(found, "stream", "BOOL", (1,), bytes([stream]))
    add(found, "sampling_parameters", "BYTES", (1,), pack(json.dumps(sampling).encode()))
    return found


async def said(stub, *requests) -> list[oip.ModelStreamInferResponse]:
    return [each async for each in stub.ModelStreamInfer(iter(requests))]


def text(answers, name="") -> str:
    found = [each.infer_response for each in answers if each.infer_response.id == name]
    return "".join(arrays(each)["text_output"][0].decode() for each in found)


def last(answers) -> oip.ModelInferResponse:
    return answers[-1].infer_response


async def test_a_text_comes_in_pieces_and_the_last_says_how_it_ended(stub):
    answers = await said(stub, asked(max_tokens=20))
    assert [len(text([each])) for each in answers] == [1] * 20 + [0]
    ended = last(answers).parameters
    assert ended["triton_final_response"].bool_param
    assert ended["finish_reason"].string_param == "length"
    assert ended["prompt_tokens"].int64_param == 5
    assert ended["completion_tokens"].int64_param == 20
    assert not any(each.infer_response.parameters for each in answers[:-1])


async def test_a_whole_text_is_one_answer_and_the_same(stub):
    pieces = text(await said(stub, asked(max_tokens=20)))
    (one,) = await said(stub, asked(max_tokens=20, stream=False))
    alone = await stub.ModelInfer(asked(max_tokens=20))
    assert text([one]) == arrays(alone)["text_output"][0].decode() == pieces


async def test_a_seed_makes_a_text_again_and_another_makes_another(stub):
    texts = [
        text(await said(stub, asked(max_tokens=30, temperature=1.5, seed=seed)))
        for seed in (7, 7, 8)
    ]
    assert texts[0] == texts[1] != texts[2]


async def test_a_text_ends_before_what_stops_it(stub):
    whole = text(await said(stub, asked(max_tokens=30)))
    stop = whole[6:8]
    answers = await said(stub, asked(max_tokens=30, stop=[stop]))
    assert text(answers) == whole[: whole.index(stop)]
    assert last(answers).parameters["finish_reason"].string_param == "stop"
    assert last(answers).parameters["completion_tokens"].int64_param < 30


async def test_a_text_ends_where_the_model_ends_it(stub):
    for seed in range(50):
        answers = await said(stub, asked(temperature=3, seed=seed))
        ended = last(answers).parameters
        if ended["finish_reason"].string_param == "stop":
            # The token that ends it is one that was made, and has no text.
            assert len(text(answers)) == ended["completion_tokens"].int64_param - 1
            return
    pytest.fail("no text of fifty was ended by the model")


async def test_texts_take_turns_and_none_becomes_anothers(stub):
    prompts = ["one", "two", "three", "four", "five", "six", "seven"]
    alone = {each: text(await said(stub, asked(each, max_tokens=25))) for each in prompts}
    together = await said(stub, *(asked(each, name=each, max_tokens=25) for each in prompts))
    assert {each: text(together, each) for each in prompts} == alone
    names = [each.infer_response.id for each in together]
    assert names.index("four") < len(names) - 1 - names[::-1].index("one")


async def test_without_max_tokens_the_context_is_filled(stub):
    answers = await said(stub, asked("x" * 200))
    ended = last(answers).parameters
    assert ended["completion_tokens"].int64_param == language.CONTEXT - 200
    assert ended["finish_reason"].string_param == "length"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (asked("x" * 256), "256 tokens: 1 to 255 can be read"),
        (asked(""), "0 tokens: 1 to 255 can be read"),
        (asked(max_tokens=0), "sampling_parameters.*>= 1.*max_tokens"),
        (asked(temperature=-1), "sampling_parameters.*temperature"),
        (asked(best_of=3), "sampling_parameters.*best_of"),
        (asked(stop=["x"] * 17), "at most 16 texts in stop"),
    ],
)
async def test_what_cannot_be_is_refused(stub, wrong, message):
    (answer,) = await said(stub, wrong)
    with pytest.raises(grpc.aio.AioRpcError, match=message) as refused:
        await stub.ModelInfer(wrong)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert answer.error_message == refused.value.details()


async def test_who_leaves_ends_the_generation(folder):
    """The model makes no token more than it was making when its caller left."""
    steps, proceed = threading.Semaphore(0), threading.Semaphore(0)
    made = []

    class Slow(Language):
        def begin(self, prompt, sampling):
            text = super().begin(prompt, sampling)
            step = text.next

            def slow():
                made.append(prompt)
                steps.release()
                proceed.acquire()
                return step()

            text.next = slow
            return text

    model = Generation("writer", Slow(folder, "cpu", 1), "cpu", 4)
    model.start()
    leaving = asyncio.create_task(_whole(model, asked("leaving")))
    await asyncio.to_thread(steps.acquire)
    leaving.cancel()
    await asyncio.wait([leaving])
    proceed.release(1000)
    await _whole(model, asked("staying", max_tokens=3))
    assert made == ["leaving", "staying", "staying", "staying"]
    await model.close()


async def _whole(model, request):
    return [
        each async for each in model.stream(parse(request.SerializeToString()), "1", timeout=None)
    ]


async def test_the_model_says_what_it_takes(stub):
    about = await stub.ModelMetadata(oip.ModelMetadataRequest(name="writer"))
    config = (await stub.ModelConfig(oip.ModelConfigRequest(name="writer"))).config
    assert [each.name for each in about.inputs] == ["text_input", "stream", "sampling_parameters"]
    assert [each.optional for each in config.input] == [False, True, True]
    assert config.model_transaction_policy.decoupled


def test_without_onnxruntime_genai_it_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime_genai", None)
    with pytest.raises(Unavailable, match=r"install catnap-functions\[genai\]"):
        Language(folder, "cpu", 1)


def test_without_cuda_it_says_what_to_install(folder):
    with pytest.raises(Unavailable, match="install onnxruntime-genai-cuda"):
        Language(folder, "cuda", 1)


def test_a_folder_that_lacks_a_part_says_which(folder, tmp_path):
    (tmp_path / "genai_config.json").write_text((folder / "genai_config.json").read_text())
    with pytest.raises(InvalidRequest, match=r"cannot be loaded: .*model\.onnx"):
        Language(tmp_path, "cpu", 1)
