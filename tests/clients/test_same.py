"""What a server answers, it answers through the gateway: byte for byte."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clients.conftest import of_gateway
from tests.clients.tool import asking
from tests.clients.triton_server import Triton
from tests.platform.running import Running

pytestmark = pytest.mark.servers


def test_fifty_requests_have_the_same_bytes_for_answers(
    triton: Triton, before_triton: Running
) -> None:
    with asking("triton", "raw_requests.py") as client:

        def answers(address: str, key: str) -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = client.ask("answers", address, key, 50)
            return found

        straight = answers(triton.grpc, "")
        through = answers(of_gateway(before_triton).grpc, before_triton.key)
    assert len(straight) == 50
    assert {each["model"] for each in straight} == {"mirror", "add"}
    assert all(each["outputs"] for each in straight)
    assert through == straight
