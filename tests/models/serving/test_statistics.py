"""What a model did is counted as it was."""

import asyncio

import grpc
import numpy as np
import pytest

from catnap.inference import grpc_service_pb2 as oip
from catnap.models.settings import Batch, Model
from tests.models.serving import graphs
from tests.models.serving.asking import request, serving


async def counted(stub, name: str = "", version: str = "") -> list[oip.ModelStatistics]:
    said = await stub.ModelStatistics(oip.ModelStatisticsRequest(name=name, version=version))
    return list(said.model_stats)


async def test_requests_runs_and_rows_are_counted(tmp_path):
    folder = graphs.put(graphs.table(), tmp_path)
    # A run begins when it is full, and so with two requests of two rows.
    model = Model(folder=str(folder), batch=Batch(size=4, delay=1.0))
    async with serving({"table": model}) as stub:
        for index in (1, 99):
            asked = [request("table", index=np.array([each, each])) for each in (0, index)]
            calls = [stub.ModelInfer(each) for each in asked]
            await asyncio.gather(*calls, return_exceptions=True)
        (found,) = await counted(stub, "table")
    assert (found.name, found.version) == ("table", "1")
    assert found.inference_stats.success.count == 3
    assert found.inference_stats.fail.count == 1
    assert found.inference_stats.queue.count == found.inference_stats.compute_infer.count == 3
    assert found.inference_stats.compute_infer.ns > 0
    assert found.last_inference > 1_600_000_000_000
    (batch,) = found.batch_stats
    assert (batch.batch_size, batch.compute_infer.count) == (4, 2)
    assert (found.execution_count, found.inference_count) == (2, 8)


async def test_of_every_model_and_version_or_of_those_that_are_asked_for(tmp_path):
    for version in "12":
        graphs.put(graphs.table(), tmp_path / version)
    model = Model(folder=str(tmp_path))
    async with serving({"a": model, "b": model}) as stub:
        assert [(each.name, each.version) for each in await counted(stub)] == [
            *(("a", "1"), ("a", "2")),
            *(("b", "1"), ("b", "2")),
        ]
        assert len(await counted(stub, "a")) == 2
        assert len(await counted(stub, "a", "2")) == 1
        for name, version in (("c", ""), ("a", "3")):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await counted(stub, name, version)
            assert refused.value.code() == grpc.StatusCode.NOT_FOUND


async def test_the_configuration_says_how_requests_run_together(tmp_path):
    folder = graphs.put(graphs.words(), tmp_path)
    batch = Batch(size=8, delay=0.002, buckets=(4, 8), pad={"ids": 0, "mask": 0})
    async with serving({"words": Model(folder=str(folder), batch=batch)}) as stub:
        config = (await stub.ModelConfig(oip.ModelConfigRequest(name="words"))).config
        about = await stub.ModelMetadata(oip.ModelMetadataRequest(name="words"))
    assert (config.max_batch_size, config.backend) == (8, "onnxruntime")
    assert config.dynamic_batching.max_queue_delay_microseconds == 2000
    assert config.parameters["buckets"].string_value == "4,8"
    assert [(each.name, each.data_type, list(each.dims)) for each in config.input] == [
        ("ids", oip.TYPE_INT64, [-1]),
        ("mask", oip.TYPE_INT64, [-1]),
    ]
    assert [(each.name, each.datatype, list(each.shape)) for each in about.outputs] == [
        ("kept", "INT64", [-1, -1]),
        ("total", "INT64", [-1]),
    ]
    assert about.platform == "onnxruntime_onnx"
