"""tritonclient.http: at Triton itself, and at the gateway before it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import Place
from tests.clients.tool import Asked, asking, until
from tests.clients.triton_server import MODELS

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def client() -> Iterator[Asked]:
    with asking("triton", "triton_http.py") as child:
        yield child


@pytest.fixture
def ask(client: Asked, place: Place) -> Any:
    return lambda question, *more: client.ask(question, place.http, place.key, *more)


def test_server_and_models_are_live_and_ready(ask: Any) -> None:
    assert ask("health") == {
        "live": True,
        "ready": True,
        "add": True,
        "add 1": True,
        "absent": False,
    }


@pytest.mark.parametrize("compression", [None, "gzip", "deflate"])
def test_every_datatype_comes_back_to_the_bit_as_binary_data(ask: Any, compression: Any) -> None:
    assert len(ask("mirror", True, compression)) == 14


def test_every_datatype_that_json_has_comes_back_as_json(ask: Any) -> None:
    assert len(ask("mirror", False)) == 12


def test_an_answer_has_the_request_s_id_and_the_model_s_name_and_version(ask: Any) -> None:
    assert ask("add") == {"model": "add", "version": "1", "id": "seven", "SUM": [4.0, 7.0]}


def test_metadata_configuration_statistics_and_index(ask: Any) -> None:
    found = ask("describe")
    tensors = [{"name": name, "datatype": "FP32", "shape": [-1]} for name in ("A", "B", "SUM")]
    assert found["metadata"] == {
        "name": "add",
        "versions": ["1"],
        "platform": "python",
        "inputs": tensors[:2],
        "outputs": tensors[2:],
    }
    assert found["config"]["name"] == "add"
    assert found["config"]["input"][0]["dims"] == [-1]
    (statistics,) = found["statistics"]["model_stats"]
    assert statistics["inference_stats"]["success"]["count"] > 0
    index = {each["name"]: each["state"] for each in found["index"]}
    assert {name: index[name] for name in MODELS} == dict.fromkeys(MODELS, "READY")
    assert "binary_tensor_data" in found["server"]["extensions"]


def test_wrong_requests_are_refused_by_kind_and_the_tensor_is_named(ask: Any) -> None:
    found = ask("mistakes")
    assert {name: each["status"] for name, each in found.items()} == {
        "no such model": "404",
        "a tensor too few": "400",
        "another rank": "400",
    }
    assert "'B'" in found["a tensor too few"]["message"]
    assert "'A'" in found["another rank"]["message"]


def test_a_request_whose_client_has_left_ends_at_its_server(
    ask: Any, place: Place, tmp_path: Path
) -> None:
    if place.is_gateway:  # Triton itself goes on
        mark = tmp_path / "mark"
        assert ask("left", str(mark))
        until(mark.exists)
