"""tritonclient.grpc.aio: at Triton itself, and at the gateway before it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import Place
from tests.clients.tool import Asked, asking, until

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def client() -> Iterator[Asked]:
    with asking("triton", "triton_aio.py") as child:
        yield child


@pytest.fixture
def ask(client: Asked, place: Place) -> Any:
    return lambda question, *more: client.ask(question, place.grpc, place.key, *more)


def test_server_and_models_are_live_and_ready(ask: Any) -> None:
    assert ask("health") == {"live": True, "ready": True, "add": True}


def test_every_datatype_comes_back_to_the_bit(ask: Any) -> None:
    assert len(ask("mirror")) == 14


def test_many_at_once_each_get_their_own_answer(ask: Any) -> None:
    assert ask("several", 100) == [number + 1.0 for number in range(100)]


def test_a_wrong_request_is_refused_and_the_tensor_is_named(ask: Any) -> None:
    found = ask("mistake")
    assert found["status"] == "StatusCode.INVALID_ARGUMENT"
    assert "'B'" in found["message"]


def test_requests_of_one_stream_each_get_all_their_answers_in_order(ask: Any) -> None:
    assert ask("counted", 50, 8) == {str(number): list(range(50)) for number in range(8)}


def test_a_stream_that_is_left_ends_at_its_server(ask: Any, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    assert ask("stream_left", str(mark)) == [0, 1, 2]
    until(mark.exists)


def test_a_deadline_ends_the_request_at_its_server(ask: Any, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    assert ask("late", str(mark))["status"] == "StatusCode.DEADLINE_EXCEEDED"
    until(mark.exists)


def test_a_task_that_is_cancelled_ends_its_request_at_the_server(ask: Any, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    assert ask("cancelled", str(mark))
    until(mark.exists)
