"""What a gateway holds in memory that it has no use for."""

from __future__ import annotations

import subprocess
import sys


def test_a_gateway_without_a_cluster_does_not_load_the_kubernetes_client() -> None:
    code = (
        "import sys, catnap.gateway.serve; print(sorted({'kubernetes', 'yaml'} & {*sys.modules}))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
