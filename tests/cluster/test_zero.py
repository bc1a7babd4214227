"""From zero and back, as the caller and the cluster see it."""

from __future__ import annotations

import pytest

from tests.cluster.deployed import Deployed
from tests.cluster.kube import pods, until_gone


@pytest.mark.timeout(300)
def test_a_skill_wakes_says_what_that_took_and_leaves_no_pod(deployed: Deployed) -> None:
    with deployed.client() as client:
        client.invoke("echo", {})
        until_gone(deployed.namespace, "echo")
        assert client.skills.get("echo").instances == 0
        cold = client.invoke("echo", {"n": 1})
        warm = client.invoke("echo", {"n": 2})
    assert {"queue", "start", "import", "init", "handle"} <= set(cold.timings)
    assert cold.timings["start"] > cold.timings["handle"]
    assert "start" not in warm.timings
    assert warm.instance == cold.instance
    assert cold.instance in {pod["metadata"]["name"] for pod in pods(deployed.namespace, "echo")}
