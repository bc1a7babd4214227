"""KServe's clients: at KServe's own model server, and at the gateway before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.clients import kserve_server
from tests.clients.conftest import Before, Place, of_gateway
from tests.clients.tool import Asked, asking

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def client() -> Iterator[Asked]:
    with asking("kserve", "kserve_clients.py") as child:
        yield child


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with kserve_server.running(tmp_path_factory.mktemp("kserve")) as (grpc, http):
        yield Place(grpc, http)


@pytest.fixture(scope="module")
def before(server: Place, gateway: Before) -> Iterator[Place]:
    with gateway(kserve_server.table(server.grpc)) as running:
        yield of_gateway(running)


@pytest.fixture(params=["itself", "gateway"])
def place(request: pytest.FixtureRequest, server: Place) -> Place:
    asked: Place = server if request.param == "itself" else request.getfixturevalue("before")
    return asked


@pytest.fixture
def ask(client: Asked, place: Place) -> Any:
    return lambda question, *more: client.ask(question, place.grpc, place.key, *more)


@pytest.fixture
def ask_http(client: Asked, place: Place) -> Any:
    address = f"http://{place.http}"
    return lambda question, *more: client.ask(question, address, place.key, *more)


def test_server_and_models_are_live_and_ready(ask: Any, ask_http: Any) -> None:
    assert ask("health") == {"live": True, "ready": True, "add": True}
    assert ask_http("rest_health") == {"live": True, "ready": True, "add": True}


def test_every_datatype_comes_back_to_the_bit(ask: Any) -> None:
    assert len(ask("mirror")) == 13  # of 14: this client has no BF16


@pytest.mark.parametrize(("binary", "many"), [(True, 13), (False, 12)])
def test_likewise_over_http_as_binary_data_and_as_json(
    ask_http: Any, binary: bool, many: int
) -> None:
    assert len(ask_http("rest_mirror", binary)) == many


def test_typed_contents_are_answered_and_an_answer_has_the_request_s_id(ask: Any) -> None:
    assert ask("add") == {"model": "add", "id": "seven", "SUM": [4.0, 7.0]}


def test_wrong_requests_are_refused_by_kind(ask: Any) -> None:
    found = ask("mistakes")
    assert {name: each["status"] for name, each in found.items()} == {
        "no such model": "NOT_FOUND",
        "a tensor too few": "INVALID_ARGUMENT",
        "late": "DEADLINE_EXCEEDED",
        "failing": "INTERNAL",
    }
    assert "tensors A and B are wanted" in found["a tensor too few"]["message"]


def test_likewise_over_http(ask_http: Any) -> None:
    found = ask_http("rest_mistakes")
    assert {name: each["status"] for name, each in found.items()} == {
        "no such model": 404,
        "a tensor too few": 400,
    }
    assert "tensors A and B are wanted" in found["a tensor too few"]["message"]
