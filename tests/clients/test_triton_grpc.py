"""tritonclient.grpc, sync: at Triton itself, and at the gateway before it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import Place
from tests.clients.tool import Asked, asking, until
from tests.clients.triton_server import MODELS

pytestmark = pytest.mark.servers

KINDS = {"BOOL", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"}
KINDS |= {"FP16", "BF16", "FP32", "FP64", "BYTES"}


@pytest.fixture(scope="module")
def client() -> Iterator[Asked]:
    with asking("triton", "triton_sync.py") as child:
        yield child


@pytest.fixture
def ask(client: Asked, place: Place) -> Any:
    return lambda question, *more: client.ask(question, place.grpc, place.key, *more)


def test_server_and_models_are_live_and_ready(ask: Any) -> None:
    assert ask("health") == {"live": True, "ready": True, "add": True, "add 1": True}


@pytest.mark.parametrize("compression", [None, "gzip", "deflate"])
def test_every_datatype_comes_back_to_the_bit_compressed_or_not(ask: Any, compression: Any) -> None:
    assert set(ask("mirror", compression)) == KINDS


def test_tensors_far_beyond_grpcs_own_limit_pass(ask: Any) -> None:
    assert ask("large", 64)


def test_an_empty_tensor_keeps_its_shape(ask: Any) -> None:
    assert ask("empty") == [0, 3]


def test_an_answer_has_the_request_s_id_and_the_model_s_name_and_version(ask: Any) -> None:
    assert ask("add") == {"model": "add", "version": "1", "id": "seven", "SUM": [4.0, 7.0]}
    assert ask("add", "add", "1")["version"] == "1"


def test_an_answer_is_of_the_model_that_was_asked_whatever_its_server_calls_it(
    ask: Any, place: Place
) -> None:
    if place.is_gateway:
        assert ask("add", "another-name")["model"] == "another-name"
        assert ask("add", "another-name")["SUM"] == [4.0, 7.0]


def test_what_is_asked_of_an_output_reaches_the_server(ask: Any) -> None:
    assert ask("classes") == ["9.000000:1", "4.000000:2"]


def test_many_at_once_each_get_their_own_answer(ask: Any) -> None:
    assert ask("several", 100) == {str(number): number + 1.0 for number in range(100)}


def test_metadata_configuration_statistics_and_index(ask: Any) -> None:
    found = ask("describe")
    tensors = [{"name": name, "datatype": "FP32", "shape": ["-1"]} for name in ("A", "B", "SUM")]
    assert found["metadata"] == {
        "name": "add",
        "versions": ["1"],
        "platform": "python",
        "inputs": tensors[:2],
        "outputs": tensors[2:],
    }
    assert found["config"]["config"]["name"] == "add"
    assert [each["name"] for each in found["config"]["config"]["input"]] == ["A", "B"]
    (statistics,) = found["statistics"]["model_stats"]
    assert (statistics["name"], statistics["version"]) == ("add", "1")
    assert int(statistics["inference_stats"]["success"]["count"]) > 0
    counted = {each["name"] for each in found["every model's"]["model_stats"]}
    assert counted >= set(MODELS)
    index = {each["name"]: each["state"] for each in found["index"]["models"]}
    assert {name: index[name] for name in MODELS} == dict.fromkeys(MODELS, "READY")
    assert "statistics" in found["server"]["extensions"]


def test_wrong_requests_are_refused_by_kind_and_the_tensor_is_named(ask: Any) -> None:
    found = ask("mistakes")
    codes = {name: each["status"].removeprefix("StatusCode.") for name, each in found.items()}
    assert codes == {
        "no such model": "NOT_FOUND",
        "no such version": "NOT_FOUND",
        "no such tensor": "INVALID_ARGUMENT",
        "a tensor too few": "INVALID_ARGUMENT",
        "another datatype": "INVALID_ARGUMENT",
        "another rank": "INVALID_ARGUMENT",
        "more shape than bytes": "INVALID_ARGUMENT",
    }
    named = {"no such model": "absent", "no such version": "9", "a tensor too few": "'B'"}
    named |= {"no such tensor": "'C'", "another datatype": "'A'", "another rank": "'A'"}
    for name, word in named.items() | {("more shape than bytes", "'A'")}:
        assert word in found[name]["message"], name


@pytest.mark.parametrize(
    ("how", "code", "passed_on"),
    [
        ("INVALID_ARG", "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
        ("NOT_FOUND", "NOT_FOUND", "NOT_FOUND"),
        ("INTERNAL", "INTERNAL", "INTERNAL"),
        ("UNAVAILABLE", "UNAVAILABLE", "UNAVAILABLE"),
        # Of what the gateway's errors have no word for, the nearest.
        ("UNKNOWN", "UNKNOWN", "INTERNAL"),
        ("UNSUPPORTED", "UNIMPLEMENTED", "INVALID_ARGUMENT"),
        ("ALREADY_EXISTS", "ALREADY_EXISTS", "ABORTED"),
        ("CANCELLED", "CANCELLED", "UNAVAILABLE"),
    ],
)
def test_what_a_model_fails_with_reaches_its_caller(
    ask: Any, place: Place, how: str, code: str, passed_on: str
) -> None:
    found = ask("failing", how)
    assert found["status"] == f"StatusCode.{passed_on if place.is_gateway else code}"
    # What an unreachable server says is for the gateway's log.
    hidden = passed_on == "UNAVAILABLE" and place.is_gateway
    words = "'failing'" if hidden else f"tensor HOW: asked to fail with {how}"
    assert words in found["message"]


def test_a_deadline_ends_the_request_at_its_server(ask: Any, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    assert ask("late", str(mark))["status"] == "StatusCode.DEADLINE_EXCEEDED"
    until(mark.exists)


def test_a_request_that_is_cancelled_ends_at_its_server(ask: Any, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    assert ask("cancelled", str(mark))["status"] == "StatusCode.CANCELLED"
    until(mark.exists)


def test_requests_of_one_stream_each_get_all_their_answers_in_order(ask: Any) -> None:
    assert ask("counted", 50, 8) == {str(number): list(range(50)) for number in range(8)}


def test_answers_of_a_stream_come_in_the_order_of_its_requests(ask: Any) -> None:
    assert ask("ordered", 50) == [str(number) for number in range(50)]


def test_a_wrong_request_of_a_stream_does_not_end_it(ask: Any) -> None:
    found = ask("stumbles")
    assert found["right"] == [2.0]
    assert "'B'" in found["wrong"]["message"]


def test_a_stream_that_is_left_ends_at_its_server(ask: Any, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    assert ask("stream_left", str(mark)) == []
    until(mark.exists)


def test_a_sequence_reaches_its_server_in_order(ask: Any) -> None:
    assert ask("sequence", list(range(20))) == [sum(range(n + 1)) for n in range(20)]


def test_a_model_is_unloaded_and_loaded_again(ask: Any) -> None:
    assert ask("unload", "spare") is None
    assert not ask("ready", "spare")
    assert ask("load", "spare") is None
    assert ask("ready", "spare")
    assert ask("load", "absent") is not None


def test_what_only_a_server_itself_has_is_not_there(ask: Any, place: Place) -> None:
    if place.is_gateway:
        found = ask("beyond")
        assert {each["status"] for each in found.values()} == {"StatusCode.UNIMPLEMENTED"}


def test_pings_of_a_client_do_not_cost_it_its_connection(ask: Any, place: Place) -> None:
    if place.is_gateway:  # Triton as it comes lets no client ping so often
        assert ask("pings") == [5.0]


def test_a_key_that_is_not_known_is_unauthenticated(client: Asked, place: Place) -> None:
    if place.is_gateway:
        found = client.ask("failing", place.grpc, "not-a-key", "INTERNAL")
        assert found["status"] == "StatusCode.UNAUTHENTICATED"
