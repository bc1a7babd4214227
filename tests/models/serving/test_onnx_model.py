"""Graphs of any tensors, asked over gRPC."""

import asyncio
import random
from pathlib import Path

import grpc
import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto

from catnap.inference import grpc_service_pb2 as oip
from catnap.models.settings import Batch, Model
from tests.models.serving import graphs
from tests.models.serving.asking import add, arrays, pack, request, serving


def model(folder: Path, **batch) -> Model:
    return Model(folder=str(folder), batch=Batch(**batch))


def session(folder: Path) -> ort.InferenceSession:
    return ort.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])


NUMBERS = [
    *("BOOL", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"),
    *("FP16", "BF16", "FP32", "FP64"),
]
KINDS = {"FP16": "FLOAT16", "BF16": "BFLOAT16", "FP32": "FLOAT", "FP64": "DOUBLE"}
SIZES = {"8": 1, "16": 2, "32": 4, "64": 8, "OOL": 1}


@pytest.mark.parametrize("datatype", NUMBERS)
async def test_numbers_of_every_datatype_come_back_as_they_went(tmp_path, datatype):
    kind = TensorProto.DataType.Value(KINDS.get(datatype, datatype))
    folder = graphs.put(graphs.identity(kind), tmp_path)
    size = next(size for end, size in SIZES.items() if datatype.endswith(end))
    raw = bytes([1, 0, 0, 1]) if datatype == "BOOL" else bytes(range(4 * size))
    asked = oip.ModelInferRequest(model_name="same")
    add(asked, "x", datatype, (2, 2), raw)
    async with serving({"same": model(folder)}) as stub:
        answer = await stub.ModelInfer(asked)
    assert (answer.outputs[0].datatype, list(answer.outputs[0].shape)) == (datatype, [2, 2])
    assert answer.raw_output_contents[0] == raw


async def test_texts_come_back_as_they_went(tmp_path):
    folder = graphs.put(graphs.identity(TensorProto.STRING), tmp_path)
    asked = oip.ModelInferRequest(model_name="same")
    texts = [b"a cat", "näps".encode(), b"", b"nul\0"]
    add(asked, "x", "BYTES", (2, 2), pack(*texts))
    async with serving({"same": model(folder)}) as stub:
        answer = await stub.ModelInfer(asked)
    assert arrays(answer)["y"].ravel().tolist() == texts


@pytest.mark.parametrize(
    ("field", "datatype", "kind", "values"),
    [
        ("bool_contents", "BOOL", "BOOL", [True, False]),
        ("int_contents", "INT8", "INT8", [-1, 7]),
        ("int64_contents", "INT64", "INT64", [-1, 1 << 40]),
        ("uint_contents", "UINT16", "UINT16", [0, 65535]),
        ("uint64_contents", "UINT64", "UINT64", [0, 1 << 63]),
        ("fp32_contents", "FP32", "FLOAT", [0.5, -2.0]),
        ("fp64_contents", "FP64", "DOUBLE", [0.1, -2.0]),
    ],
)
async def test_typed_contents_are_read(tmp_path, field, datatype, kind, values):
    folder = graphs.put(graphs.identity(TensorProto.DataType.Value(kind)), tmp_path)
    asked = oip.ModelInferRequest(model_name="same")
    tensor = asked.inputs.add(name="x", datatype=datatype, shape=[1, 2])
    getattr(tensor.contents, field).extend(values)
    async with serving({"same": model(folder)}) as stub:
        answer = await stub.ModelInfer(asked)
    assert arrays(answer)["y"].ravel().tolist() == values


async def test_a_value_that_its_datatype_cannot_have_is_refused(tmp_path):
    folder = graphs.put(graphs.identity(TensorProto.INT8), tmp_path)
    asked = oip.ModelInferRequest(model_name="same")
    asked.inputs.add(name="x", datatype="INT8", shape=[1, 2]).contents.int_contents.extend([1, 300])
    async with serving({"same": model(folder)}) as stub:
        with pytest.raises(grpc.aio.AioRpcError, match="input 'x': there are values") as refused:
            await stub.ModelInfer(asked)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"y": np.zeros((1, 3), "f4")}, "input 'y': unknown; the model takes x"),
        ({}, r"input 'x': is missing: FP32 \[-1, 3\]"),
        ({"x": np.zeros((1, 3), "f8")}, "input 'x': datatype is FP64, the model takes FP32"),
        ({"x": np.zeros((1, 4), "f4")}, r"input 'x': shape \[1, 4\] does not fit \[-1, 3\]"),
        ({"x": np.zeros((1, 1, 3), "f4")}, r"shape \[1, 1, 3\] does not fit"),
        ({"x": np.zeros((), "f4")}, r"shape \[\] does not fit"),
    ],
)
async def test_what_does_not_fit_the_graph_is_refused_by_its_tensors_name(tmp_path, wrong, message):
    folder = graphs.put(graphs.classifier(), tmp_path)
    async with serving({"classifier": model(folder)}) as stub:
        with pytest.raises(grpc.aio.AioRpcError, match=message) as refused:
            await stub.ModelInfer(request("classifier", **wrong))
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_many_at_once_each_have_their_own_result(tmp_path):
    """Random shapes, random callers that leave, batches: against a session asked directly."""
    dice = random.Random(7)
    numbers = np.random.default_rng(7)
    folder = graphs.put(graphs.classifier(), tmp_path)
    direct = session(folder)
    inputs = [
        numbers.standard_normal((dice.choice([1, 1, 2, 5, 40]), 3)).astype("f4") for _ in range(300)
    ]

    async with serving({"classifier": model(folder, size=16, delay=0.002)}) as stub:
        async with asyncio.TaskGroup() as group:
            tasks = []
            for x in inputs:
                call = stub.ModelInfer(request("classifier", x=x))
                tasks.append(group.create_task(_ended(call)))
                if dice.random() < 0.1:
                    call.cancel()
                if dice.random() < 0.1:
                    await asyncio.sleep(0)
        said = await stub.ModelStatistics(oip.ModelStatisticsRequest(name="classifier"))
    answers = [task.result() for task in tasks]
    assert sum(answer is not None for answer in answers) > 200
    for x, answer in zip(inputs, answers, strict=True):
        if answer is not None:
            scores, label = direct.run(None, {"x": x})
            np.testing.assert_allclose(arrays(answer)["scores"], scores, rtol=1e-5, atol=1e-6)
            np.testing.assert_array_equal(arrays(answer)["label"], label)
    sizes = [each.batch_size for each in said.model_stats[0].batch_stats]
    assert 1 < max(sizes) <= 16


async def _ended(call):
    try:
        return await call
    except asyncio.CancelledError:
        return None


async def test_one_by_one_a_result_is_the_sessions_to_the_byte(tmp_path):
    folder = graphs.put(graphs.classifier(), tmp_path)
    direct = session(folder)
    async with serving({"classifier": model(folder, size=1)}) as stub:
        for seed in range(20):
            x = np.random.default_rng(seed).standard_normal((seed % 4, 3)).astype("f4")
            answer = await stub.ModelInfer(request("classifier", x=x))
            expected = direct.run(None, {"x": x})
            assert answer.raw_output_contents == [each.tobytes() for each in expected]


async def test_other_lengths_run_together_filled_up_and_are_cut_back(tmp_path):
    folder = graphs.put(graphs.words(), tmp_path)
    batch = {"size": 4, "delay": 1.0, "buckets": (4, 8), "pad": {"ids": 9, "mask": 0}}
    asked = [
        {"ids": np.arange(1, size + 1)[None], "mask": np.ones((1, size), "i8")}
        for size in (1, 3, 4, 2, 7, 8, 11)
    ]
    async with serving({"words": model(folder, **batch)}) as stub:
        answers = await asyncio.gather(
            *(stub.ModelInfer(request("words", **each)) for each in asked)
        )
        said = await stub.ModelStatistics(oip.ModelStatisticsRequest(name="words"))
    for each, answer in zip(asked, answers, strict=True):
        assert arrays(answer)["kept"].tolist() == each["ids"].tolist()
        assert arrays(answer)["total"].tolist() == [each["ids"].sum()]
    # Four of up to four words fill a run; of the others, the eleven are alone.
    assert said.model_stats[0].execution_count == 3


async def test_rows_that_depend_on_each_other_are_never_put_together(tmp_path):
    folder = graphs.put(graphs.running_sum(), tmp_path)
    ones = np.ones((3, 2), "f4")
    async with serving({"sum": model(folder, delay=0.05)}) as stub:
        answers = await asyncio.gather(*(stub.ModelInfer(request("sum", x=ones)) for _ in range(8)))
        config = await stub.ModelConfig(oip.ModelConfigRequest(name="sum"))
    assert config.config.max_batch_size == 0
    for answer in answers:
        assert arrays(answer)["y"].tolist() == [[1, 1], [2, 2], [3, 3]]


async def test_a_request_that_cannot_be_computed_fails_nobody_it_runs_with(tmp_path):
    folder = graphs.put(graphs.table(), tmp_path)
    indexes = [np.array([index]) for index in (0, 4, 77, 2)]
    async with serving({"table": model(folder, size=4, delay=1.0)}) as stub:
        answers = await asyncio.gather(
            *(stub.ModelInfer(request("table", index=index)) for index in indexes),
            return_exceptions=True,
        )
    wrong = answers.pop(2)
    assert wrong.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "model 'table' cannot compute this request" in wrong.details()
    assert [arrays(each)["row"].tolist() for each in answers] == [[[0, 1]], [[8, 9]], [[4, 5]]]


async def test_only_the_outputs_asked_for_are_answered_in_that_order(tmp_path):
    folder = graphs.put(graphs.classifier(), tmp_path)
    asked = request("classifier", x=np.zeros((1, 3), "f4"))
    asked.outputs.add(name="label")
    asked.outputs.add(name="scores")
    async with serving({"classifier": model(folder)}) as stub:
        answer = await stub.ModelInfer(asked)
    assert [(each.name, list(each.shape)) for each in answer.outputs] == [
        ("label", [1]),
        ("scores", [1, 4]),
    ]


async def test_an_answer_says_what_it_took_where_that_is_asked(tmp_path):
    folder = graphs.put(graphs.classifier(), tmp_path)
    asked = request("classifier", x=np.zeros((2, 3), "f4"))
    async with serving({"classifier": model(folder)}) as stub:
        assert not (await stub.ModelInfer(asked)).parameters
        asked.parameters["catnap_timings"].bool_param = True
        said = (await stub.ModelInfer(asked)).parameters
    assert said["batch_size"].int64_param == 2
    assert {"queue_ms", "compute_ms"} < set(said)


async def test_rows_that_are_lost_on_the_way_are_nobody_elses(tmp_path):
    folder = graphs.put(graphs.filtered(), tmp_path)
    asked = [np.array([[1], [-2]], "f4"), np.array([[3], [4]], "f4")]
    async with serving({"filtered": model(folder, size=4, delay=1.0)}) as stub:
        config = (await stub.ModelConfig(oip.ModelConfigRequest(name="filtered"))).config
        answers = await asyncio.gather(
            *(stub.ModelInfer(request("filtered", x=each)) for each in asked)
        )
    assert config.max_batch_size == 4
    assert [arrays(each)["y"].tolist() for each in answers] == [[[1]], [[3], [4]]]
