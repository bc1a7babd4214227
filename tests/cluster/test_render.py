"""catnap render --cluster, beside what a deploy has made."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.cluster.deployed import Deployed
from tests.cluster.kube import get


def images(deployed: Deployed) -> dict[str, str]:
    """What runs, by name."""
    found = {}
    for kind, namespace in (("deployments", deployed.install), ("ksvc", deployed.namespace)):
        for each in get(kind, "-n", namespace)["items"]:
            [container] = each["spec"]["template"]["spec"]["containers"]
            found[each["metadata"]["name"]] = container["image"]
    return found


def differences(deployed: Deployed) -> str:
    """Between what is rendered and what the cluster has."""
    chosen = [f"--image={name}={image}" for name, image in images(deployed).items()]
    rendered = deployed.catnap("render", "--cluster", "--no-eventing", *chosen).stdout
    done = subprocess.run(
        [
            *("kubectl", "diff", "--server-side", "--force-conflicts"),
            *("--field-manager", "catnap", "-f", "-"),
        ],
        input=rendered,
        env={**os.environ, "KUBECTL_EXTERNAL_DIFF": "diff -u -N"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout + done.stderr


@pytest.mark.timeout(300)
def test_what_is_rendered_is_what_the_cluster_has(deployed: Deployed) -> None:
    assert differences(deployed) == ""
