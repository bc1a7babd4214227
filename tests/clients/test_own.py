"""tritonclient.grpc at our own model server, and at the gateway before it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import Before, Place, of_gateway
from tests.clients.tool import Asked, asking
from tests.platform.running import ROOT

pytestmark = pytest.mark.servers

TABLE = """
[minilm-l6-v2]
servers = ["{}"]
abilities = ["embed", "infer"]
dimensions = 384
"""


@pytest.fixture(scope="module")
def client() -> Iterator[Asked]:
    with asking("triton", "triton_sync.py") as child:
        yield child


@pytest.fixture(scope="module")
def server(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("home")
    (home / "models").symlink_to(built)
    command = [sys.executable, "-m", "catnap.models", "--address", "127.0.0.1:0", "--home", home]
    with subprocess.Popen(command, cwd=ROOT / "runtime", stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        word, address = run.stdout.readline().split()
        assert word == "ready"
        yield address
        run.terminate()


@pytest.fixture(scope="module")
def before(server: str, gateway: Before) -> Iterator[Place]:
    with gateway(TABLE.format(server)) as running:
        yield of_gateway(running)


@pytest.fixture(params=["itself", "gateway"])
def ask(request: pytest.FixtureRequest, client: Asked, server: str) -> Any:
    place = Place(server, "") if request.param == "itself" else request.getfixturevalue("before")
    return lambda question, *more: client.ask(question, place.grpc, place.key, *more)


def test_texts_that_run_together_have_the_vectors_of_those_that_run_alone(ask: Any) -> None:
    found = ask("embedded", [f"text number {number}" for number in range(20)])
    assert found["shape"] == [20, 384]
    assert all(tokens > 2 for tokens in found["tokens"])
    assert found["apart"] < 1e-5


def test_it_says_what_it_takes_and_refuses_what_it_does_not(ask: Any) -> None:
    found = ask("embedder")
    assert found["ready"]
    assert [each["name"] for each in found["metadata"]["inputs"]] == ["text"]
    assert found["statistics"]["model_stats"][0]["name"] == "minilm-l6-v2"
    assert found["wrong"]["status"] == "StatusCode.INVALID_ARGUMENT"
    assert "'text'" in found["wrong"]["message"]
