"""Models come and go while the server runs."""

import asyncio

import grpc
import numpy as np
import pytest
from onnx import TensorProto, helper

from catnap.errors import InvalidRequest
from catnap.inference import grpc_service_pb2 as oip
from catnap.models.serving.folder import versions
from catnap.models.serving.kinds import loader
from catnap.models.serving.repository import Repository
from catnap.models.settings import Batch, Model, Prices
from tests.models.serving import graphs
from tests.models.serving.asking import arrays, request, serving


def adds(number: float):
    """x [batch, 1] and so much."""
    node = helper.make_node("Add", ["x", "number"], ["y"])
    dims = (TensorProto.FLOAT, ("batch", 1))
    return graphs.graph([node], {"x": dims}, {"y": dims}, number=np.array(number, np.float32))


async def answer(stub, version: str = "") -> float:
    found = await stub.ModelInfer(request("adds", version, x=np.zeros((1, 1), "f4")))
    return arrays(found)["y"].item()


async def code(call) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return refused.value.code()


async def rows(stub, ready: bool = False) -> list[tuple[str, str, str, str]]:
    index = await stub.RepositoryIndex(oip.RepositoryIndexRequest(ready=ready))
    return [(each.name, each.version, each.state, each.reason) for each in index.models]


def load(name: str) -> oip.RepositoryModelLoadRequest:
    return oip.RepositoryModelLoadRequest(model_name=name)


def unload(name: str) -> oip.RepositoryModelUnloadRequest:
    return oip.RepositoryModelUnloadRequest(model_name=name)


async def test_who_names_no_version_has_the_latest(tmp_path):
    for version in (2, 10, 9):
        graphs.put(adds(version), tmp_path / str(version))
    async with serving({"adds": Model(folder=str(tmp_path))}) as stub:
        assert [await answer(stub, each) for each in ("", "2", "9", "10")] == [10, 2, 9, 10]
        about = await stub.ModelMetadata(oip.ModelMetadataRequest(name="adds"))
        assert list(about.versions) == ["2", "9", "10"]
        assert await code(answer(stub, "3")) == grpc.StatusCode.NOT_FOUND


async def test_a_model_that_is_loaded_again_is_as_its_folder_is_now(tmp_path):
    graphs.put(adds(1), tmp_path / "1")
    async with serving({"adds": Model(folder=str(tmp_path))}) as stub:
        assert await answer(stub) == 1
        graphs.put(adds(2), tmp_path / "2")
        assert await answer(stub) == 1
        await stub.RepositoryModelLoad(load("adds"))
        assert await answer(stub) == 2


async def test_requests_are_answered_while_a_model_is_loaded_again(tmp_path):
    graphs.put(adds(1), tmp_path)
    model = Model(folder=str(tmp_path), batch=Batch(delay=0.001))
    async with serving({"adds": model}) as stub:
        ended = asyncio.Event()

        async def ask() -> set[float]:
            found = set()
            while not ended.is_set():
                found.add(await answer(stub))
            return found

        asking = [asyncio.create_task(ask()) for _ in range(4)]
        for number in (2, 3):
            graphs.put(adds(number), tmp_path)
            await stub.RepositoryModelLoad(load("adds"))
        ended.set()
        assert set().union(*[await each for each in asking]) <= {1, 2, 3}


async def test_a_model_that_is_unloaded_is_gone_until_it_is_loaded(tmp_path):
    graphs.put(adds(1), tmp_path)
    async with serving({"adds": Model(folder=str(tmp_path))}) as stub:
        assert await rows(stub) == [("adds", "1", "READY", "")]
        await stub.RepositoryModelUnload(unload("adds"))
        assert await rows(stub) == [("adds", "", "UNAVAILABLE", "it was unloaded")]
        assert await rows(stub, ready=True) == []
        assert await code(answer(stub)) == grpc.StatusCode.NOT_FOUND
        assert not (await stub.ModelReady(oip.ModelReadyRequest(name="adds"))).ready
        await stub.RepositoryModelLoad(load("adds"))
        assert await answer(stub) == 1


async def test_kserves_form_of_the_message_names_the_model_too(tmp_path):
    graphs.put(adds(1), tmp_path)
    async with serving({"adds": Model(folder=str(tmp_path))}) as stub:
        asked = oip.RepositoryModelUnloadRequest(repository_name="adds")
        assert (await stub.RepositoryModelUnload(asked)).is_unloaded


async def test_a_folder_that_cannot_be_loaded_leaves_the_model_as_it_was(tmp_path):
    graphs.put(adds(1), tmp_path)
    async with serving({"adds": Model(folder=str(tmp_path))}) as stub:
        (tmp_path / "model.onnx").write_bytes(b"no graph")
        with pytest.raises(grpc.aio.AioRpcError, match=r"model\.onnx: cannot be loaded") as refused:
            await stub.RepositoryModelLoad(load("adds"))
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert await answer(stub) == 1


async def test_what_nobody_knows_cannot_be_loaded_nor_from_elsewhere(tmp_path):
    graphs.put(adds(1), tmp_path)
    async with serving({"adds": Model(folder=str(tmp_path))}) as stub:
        assert await code(stub.RepositoryModelLoad(load("other"))) == grpc.StatusCode.NOT_FOUND
        assert await code(stub.RepositoryModelUnload(unload("other"))) == grpc.StatusCode.NOT_FOUND
        given = load("adds")
        given.parameters["file:1/model.onnx"].bytes_param = b""
        assert await code(stub.RepositoryModelLoad(given)) == grpc.StatusCode.INVALID_ARGUMENT


async def test_all_that_is_wrong_is_said_at_the_start(tmp_path):
    (tmp_path / "empty").mkdir()
    models = {
        "none": Model(folder=str(tmp_path / "nowhere")),
        "empty": Model(folder=str(tmp_path / "empty")),
        "fast": Model(folder=str(graphs.put(adds(1), tmp_path / "fast")), device="cuda"),
    }
    with pytest.raises(InvalidRequest) as wrong:
        async with serving(models):
            pass
    none, empty, fast = wrong.value.message.splitlines()
    assert none.startswith("[none] folder ")
    assert none.endswith("nowhere: there is none")
    assert "[empty] folder" in empty
    assert "put model.onnx there" in empty
    assert fast.startswith("[fast] version 1: device 'cuda': ")
    assert "install onnxruntime-gpu" in fast


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (Batch(pad={"ids": 0}), r"batch\.buckets"),
        (Batch(buckets=(4,), pad={"idz": 0}), "there is no input 'idz': ids, mask"),
        (Batch(buckets=(4,), pad={"ids": 0}), "input 'mask' has the dimension 'seq' too"),
    ],
)
async def test_padding_that_does_not_fit_the_graph_is_said(tmp_path, batch, message):
    folder = graphs.put(graphs.words(), tmp_path)
    with pytest.raises(InvalidRequest, match=message):
        async with serving({"words": Model(folder=str(folder), batch=batch)}):
            pass


def test_what_else_is_in_a_folder_is_no_version(tmp_path):
    graphs.put(adds(1), tmp_path / "1")
    for name in ("01", "x", "2"):
        (tmp_path / name).mkdir()
    assert list(versions(tmp_path)) == ["1"]


async def test_a_table_that_is_loaded_otherwise_is_loaded_again_and_no_other(tmp_path):
    folder = str(graphs.put(adds(1), tmp_path))
    loaded: list[str] = []
    load = loader(tmp_path, threads=1)

    def counted(name: str, model: Model):
        loaded.append(name)
        return load(name, model)

    models = {"a": Model(folder=folder), "b": Model(folder=folder)}
    repository = Repository(lambda: models, counted)
    await repository.start()
    dearer = Model(folder=folder, prices=Prices(milliseconds=1))
    larger = Model(folder=folder, batch=Batch(size=64))
    await repository.take_up({"a": dearer, "b": larger, "c": Model(folder=folder)})
    assert loaded == ["a", "b", "b", "c"]
    assert repository.find("b")[1].about.size == 64
    await repository.take_up({"a": dearer})
    assert [row.name for row in repository] == ["a"]
    with pytest.raises(InvalidRequest, match=r"\[d\] folder .*: there is none"):
        await repository.take_up({"a": dearer, "d": Model(folder=folder + "x")})
    assert repository.find("a")[0] == "1"
    await repository.close()


async def test_who_asks_for_a_model_to_be_loaded_may_leave(tmp_path):
    graphs.put(adds(1), tmp_path)
    async with serving({"adds": Model(folder=str(tmp_path))}) as stub:
        graphs.put(adds(2), tmp_path)
        call = stub.RepositoryModelLoad(load("adds"))
        await call.wait_for_connection()
        call.cancel()
        await stub.RepositoryModelLoad(load("adds"))
        assert await rows(stub) == [("adds", "1", "READY", "")]
        assert await answer(stub) == 2


@pytest.mark.parametrize("table", [Model(device="cuda"), Model(batch=Batch(size=64))])
async def test_what_minilm_does_not_heed_is_refused(table):
    with pytest.raises(InvalidRequest, match="leave device and batch out"):
        async with serving({"minilm-l6-v2": table}):
            pass
