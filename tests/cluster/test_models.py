"""Models of a cluster: the file is followed, and one at zero is woken by who asks."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from catnap.errors import CatnapError, NotFound
from tests.cluster.deployed import ROOT, Deployed
from tests.cluster.kube import get, kubectl

pytestmark = pytest.mark.timeout(900)

FOLLOWS = 180
"""Seconds within which a kubelet has shown a pod its ConfigMap anew."""

TABLE = """
[sleeper]
servers = ["sleeper.{namespace}:8001"]
at_servers = "minilm-l6-v2"
abilities = ["embed"]
dimensions = 384
wake = {{ deployment = "{namespace}/sleeper", idle = "{idle}" }}
"""


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """An installation whose models are this file's own."""
    folder = tmp_path_factory.mktemp("models")
    shutil.copytree(ROOT / "functions" / "echo", folder / "functions" / "echo")
    found = Deployed(folder, folder / "functions")
    try:
        found.start()
        yield found
    finally:
        found.remove()


@pytest.fixture
def namespace(deployed: Deployed) -> Iterator[str]:
    """One with a model server at zero, `sleeper`."""
    name = f"{deployed.install}-gpu-{secrets.token_hex(3)}"
    kubectl("create", "namespace", name)
    for each in _sleeper(get("deployment", "catnap-models", "-n", deployed.install)):
        kubectl("apply", "-n", name, "-f", "-", given=each)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


def _sleeper(ours: dict[str, Any]) -> list[dict[str, Any]]:
    """A Deployment like that of the installation's own model server, and its Service."""
    labels = {"app": "sleeper"}
    template = ours["spec"]["template"]
    template["metadata"] = {"labels": labels}
    pod = template["spec"]
    pod.pop("serviceAccountName"), pod.pop("serviceAccount", "")
    pod["volumes"] = [each for each in pod["volumes"] if each["name"] == "tmp"]
    [container] = pod["containers"]
    container["volumeMounts"] = [
        each for each in container["volumeMounts"] if each["name"] == "tmp"
    ]
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "sleeper"},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template},
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "sleeper"},
        "spec": {"selector": labels, "ports": [{"port": 8001}]},
    }
    return [deployment, service]


def _deploy(deployed: Deployed, folder: Path, text: str) -> None:
    """With the images that there are: the models alone are others."""
    file = folder / "models.toml"
    file.write_text(text)
    names = ("catnap-gateway", "catnap-models")
    running = {each: get("deployment", each, "-n", deployed.install) for each in names}
    running["echo"] = get("services.serving.knative.dev", "echo", "-n", deployed.namespace)
    images = [
        f"--image={name}={each['spec']['template']['spec']['containers'][0]['image']}"
        for name, each in running.items()
    ]
    deployed.deploy("--models", str(file), *images)


def _replicas(namespace: str) -> int:
    return int(get("deployment", "sleeper", "-n", namespace)["spec"]["replicas"])


def _gateways(deployed: Deployed) -> list[str]:
    label = "app.kubernetes.io/name=catnap-gateway"
    found = get("pods", "-n", deployed.install, "-l", label)["items"]
    return sorted(each["metadata"]["name"] for each in found)


def test_a_model_at_zero_is_taken_up_woken_and_put_to_sleep(
    deployed: Deployed, namespace: str, tmp_path: Path
) -> None:
    before = _gateways(deployed)
    _deploy(deployed, tmp_path, TABLE.format(namespace=namespace, idle="20s"))
    with deployed.client() as client:
        found = _embedding(client)
        assert found.dimensions == 384
        assert _gateways(deployed) == before  # it took the file up while it ran
        again = client.models.embed(["a cat naps"], model="sleeper", timeout=30)
        assert again.data == found.data
    until = time.monotonic() + 120
    while _replicas(namespace):
        assert time.monotonic() < until, "it is not put to sleep"
        time.sleep(1)


def _embedding(client: Any) -> Any:
    """Of the model, once the gateway knows it: it is asked for the first time
    then, and waits for the start."""
    until = time.monotonic() + FOLLOWS
    while True:
        try:
            return client.models.embed(["a cat naps"], model="sleeper", timeout=150)
        except NotFound:
            assert time.monotonic() < until, "the gateway does not take the file up"
            time.sleep(1)


def test_what_may_not_be_scaled_is_refused_at_once(
    deployed: Deployed, namespace: str, tmp_path: Path
) -> None:
    _deploy(deployed, tmp_path, TABLE.format(namespace=namespace, idle="0s"))
    kubectl("delete", "rolebinding", f"{deployed.install}-wakes-models", "-n", namespace)
    until = time.monotonic() + FOLLOWS
    with deployed.client() as client:
        while True:
            with pytest.raises(CatnapError) as refused:
                client.models.embed(["a"], model="sleeper", timeout=60)
            if not isinstance(refused.value, NotFound):
                break
            assert time.monotonic() < until, "the gateway does not take the file up"
            time.sleep(1)
    assert "deployments/scale" in refused.value.message
    assert _replicas(namespace) == 0
