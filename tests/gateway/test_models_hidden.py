"""What is within stays within: where servers are, and what they say of our key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from catnap.models.settings import Model
from catnap.models.verdict import of_grpc, of_http
from tests.gateway.http_models import Asking, asking

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOBODY = "127.0.0.1:1"
TENSORS = {"inputs": [{"name": "x", "datatype": "UINT8", "shape": [1], "data": [1]}]}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ask(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    async with asking(tmp_path_factory.mktemp("models")) as found:
        found = found.fresh()
        found.world.gateway.models.registry.change(
            {
                "tensors": Model(servers=(NOBODY,)),
                "writer": Model(
                    servers=(f"http://{NOBODY}",), protocol="openai", abilities=("generate",)
                ),
            }
        )
        yield found


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v2/models/tensors/infer", TENSORS),
        ("/v1/completions", {"model": "writer", "prompt": "a"}),
        ("/v1/completions", {"model": "writer", "prompt": "a", "stream": True}),
    ],
)
async def test_where_a_server_is_that_nobody_reaches_only_the_log_says(
    ask: Asking, caplog: pytest.LogCaptureFixture, path: str, body: dict[str, Any]
) -> None:
    status, said = await ask.post(path, body)
    assert status == 503
    assert "its server cannot be reached" in str(said)
    assert "127.0.0.1" not in str(said)
    assert NOBODY in caplog.text


async def test_what_a_server_says_of_the_gateways_key_only_the_log_says() -> None:
    for error in (
        of_http("m", 401, "Incorrect API key provided: sk-ours"),
        of_grpc("m", "UNAUTHENTICATED", "Incorrect API key provided: sk-ours"),
    ):
        assert "sk-ours" not in error.error.message
        assert "sk-ours" in error.detail
