"""Logs where the cluster keeps them."""

from __future__ import annotations

import pytest

from catnap.errors import InvalidRequest
from catnap.gateway.logs import PodLogs


async def test_on_a_cluster_the_command_that_shows_the_logs_is_told() -> None:
    logs = PodLogs(lambda tenant: f"catnap-{tenant}")
    with pytest.raises(InvalidRequest) as caught:
        await anext(logs.read("acme", "echo", 100, follow=True))
    command = (
        "kubectl logs -n catnap-acme -l serving.knative.dev/service=echo "
        "-c user-container --prefix --tail 100 --follow"
    )
    assert command in caught.value.message
