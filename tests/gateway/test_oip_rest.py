"""The Open Inference Protocol over HTTP reaches the servers of its gRPC."""

from __future__ import annotations

import json
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from catnap.inference import grpc_service_pb2 as oip
from tests.gateway.http_models import VIEWER, Asking, asking
from tests.gateway.local import RIVAL

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def there(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    async with asking(tmp_path_factory.mktemp("models")) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def ask(there: Asking) -> Asking:
    return there.fresh()


def tensor(datatype: str, shape: list[int], data: Any = None, **more: Any) -> dict[str, Any]:
    said = {"name": "x", "datatype": datatype, "shape": shape, "parameters": more}
    return said if data is None else said | {"data": data}


async def test_a_model_is_asked_in_json(ask: Asking) -> None:
    body = {"id": "7", "inputs": [tensor("FP32", [2, 2], [[1, 2], [3, 4.5]])]}
    status, said = await ask.post("/v2/models/same/infer", body)
    assert status == 200
    assert said == {
        "model_name": "same",
        "id": "7",
        "outputs": [{"name": "same", "datatype": "FP32", "shape": [2, 2], "data": [1, 2, 3, 4.5]}],
    }
    [(method, raw)] = ask.tensors.asked
    asked = oip.ModelInferRequest.FromString(raw)
    assert (method, asked.model_name) == ("ModelInfer", "theirs")
    assert asked.raw_input_contents == [struct.pack("<4f", 1, 2, 3, 4.5)]


async def test_a_model_is_asked_in_binary_data(ask: Asking) -> None:
    data = bytes(range(8))
    asked = {
        "inputs": [tensor("BF16", [4], binary_data_size=8)],
        "parameters": {"binary_data_output": True},
    }
    header = json.dumps(asked).encode()
    answer = await ask.world.request(
        *("POST", "/v2/models/same/versions/1/infer", header + data),
        inference_header_content_length=str(len(header)),
    )
    assert answer.status == 200, answer.body
    length = int(answer.headers[b"inference-header-content-length"])
    assert answer.headers[b"content-type"] == b"application/octet-stream"
    [output] = json.loads(answer.body[:length])["outputs"]
    assert output["parameters"] == {"binary_data_size": 8}
    assert answer.body[length:] == data


async def test_a_name_with_slashes_is_one_name_quoted_or_not(ask: Asking) -> None:
    for path in ("/v2/models/org/writer/ready", "/v2/models/org%2Fwriter/ready"):
        assert await ask.get(path) == (200, {"ready": True})


async def test_health_is_told_to_everybody_and_the_rest_to_who_may_ask_models(
    ask: Asking,
) -> None:
    world = ask.world
    assert await world.ask("GET", "/v2/health/live", key="") == (200, {"live": True})
    assert await world.ask("GET", "/v2/health/ready", key="") == (200, {"ready": True})
    for path, key, status in (("/v2", "", 401), ("/v2", VIEWER, 403), ("/v2/nothing", "", 404)):
        got, said = await world.ask("GET", path, key=key)
        assert (got, list(said)) == (status, ["error"])
    status, said = await ask.get("/v2")
    assert (status, said["name"]) == (200, "catnap")
    assert "binary_tensor_data" in said["extensions"]


async def test_who_is_not_ready_says_so_with_a_status_of_the_protocol(ask: Asking) -> None:
    assert await ask.get("/v2/models/same/versions/1/ready") == (200, {"ready": True})
    ask.tensors.behaves = "busy"
    assert await ask.get("/v2/models/same/ready") == (400, {"ready": False})
    ask.world.gateway.leaving = True
    assert await ask.get("/v2/health/ready") == (400, {"ready": False})
    assert await ask.get("/v2/health/live") == (200, {"live": True})


async def test_what_a_model_takes_is_told_under_its_own_name(ask: Asking) -> None:
    status, said = await ask.get("/v2/models/same")
    assert (status, said["name"], said["versions"]) == (200, "same", ["1"])
    assert (said["platform"], said["inputs"], said["outputs"]) == ("same", [], [])


async def test_what_a_server_does_not_tell_is_refused(ask: Asking) -> None:
    for path in ("/v2/models/same/config", "/v2/models/same/stats"):
        status, said = await ask.get(path)
        assert (status, list(said)) == (400, ["error"]), said


async def test_the_repository_has_the_models_that_the_tenant_may_ask(ask: Asking) -> None:
    status, rows = await ask.post("/v2/repository/index", {})
    assert status == 200
    assert [each["name"] for each in rows] == ["lengths", "org/writer", "poet", "same"]
    ask.tensors.behaves = "busy"
    _, rows = await ask.post("/v2/repository/index", {"ready": True})
    assert [each["name"] for each in rows] == ["lengths", "org/writer"]
    ask.world.key = RIVAL
    answer = await ask.world.request("POST", "/v2/repository/index")
    assert "rivals" in [each["name"] for each in answer.json]
    assert {each["state"] for each in answer.json} == {"READY", "UNAVAILABLE"}


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "reason"),
    [
        ("same", {"inputs": [tensor("INT8", [2], [1])]}, {}, 400, "input 'x'"),
        ("same", {"inputs": [tensor("FP16", [1], [1.0])]}, {}, 400, "input 'x': FP16"),
        ("same", {}, {}, 400, "no inference request"),
        ("none", {"inputs": [tensor("INT8", [1], [1])]}, {}, 404, "'none'"),
        ("rivals", {"inputs": [tensor("INT8", [1], [1])]}, {}, 404, "'rivals'"),
        ("org/writer", {"inputs": [tensor("INT8", [1], [1])]}, {}, 400, "OpenAI"),
        ("same", {}, {"content_encoding": "br"}, 415, "gzip or deflate"),
        ("same", {}, {"content_encoding": "gzip"}, 400, "not gzip"),
        ("rivals", {}, {"content_encoding": "gzip"}, 404, "no model"),  # not unpacked
        ("same", {}, {"inference_header_content_length": "x"}, 400, "Content-Length"),
        ("same", {}, {"inference_header_content_length": "0"}, 400, "no JSON"),
        ("same", {}, {"inference_header_content_length": "9"}, 400, "has 2 bytes"),
    ],
)
async def test_what_is_wrong_is_said_in_the_form_of_the_protocol(
    ask: Asking, path: str, body: Any, headers: Any, status: int, reason: str
) -> None:
    got, said = await ask.post(f"/v2/models/{path}/infer", body, **headers)
    assert (got, list(said)) == (status, ["error"])
    assert reason in said["error"]
    assert not ask.tensors.asked


async def test_a_busy_server_says_when_to_ask_again(ask: Asking) -> None:
    ask.tensors.behaves = "busy"
    body = json.dumps({"inputs": [tensor("INT8", [1], [1])]}).encode()
    answer = await ask.world.request("POST", "/v2/models/same/infer", body)
    assert (answer.status, answer.headers[b"retry-after"]) == (429, b"2")


async def test_an_answer_that_json_has_no_form_for_says_what_to_ask(ask: Asking) -> None:
    header = json.dumps({"inputs": [tensor("FP16", [1], binary_data_size=2)]}).encode()
    answer = await ask.world.request(
        *("POST", "/v2/models/same/infer", header + b"\1\2"),
        inference_header_content_length=str(len(header)),
    )
    assert answer.status == 400
    assert "output 'same': FP16" in answer.json["error"]
    assert "binary_data_output" in answer.json["error"]
