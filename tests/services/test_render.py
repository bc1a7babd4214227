"""A manifest as a Service object that a cluster takes."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from catnap.services.render import service
from catnap.skills.manifest import parse_manifest


def pod(toml: str = "") -> dict[str, Any]:
    manifest = parse_manifest(f'name = "echo"\ndescription = "A test."\n{toml}')
    rendered = service(manifest, image="registry.example/echo:1", namespace="acme")
    return yaml.safe_load(yaml.safe_dump(rendered))["spec"]["template"]["spec"]


def test_a_skill_may_write_to_tmp_and_nowhere_else() -> None:
    spec = pod()
    [container] = spec["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    [mount] = container["volumeMounts"]
    assert mount["mountPath"] == "/tmp"
    assert spec["volumes"] == [{"name": mount["name"], "emptyDir": {}}]


def test_a_service_says_what_the_manifest_says() -> None:
    spec = pod(
        "[limits]\ntimeout = '90s'\nmemory = '1Gi'\n[scale]\nconcurrency = 3\n[env]\nA = 'b'"
    )
    [container] = spec["containers"]
    assert (spec["timeoutSeconds"], spec["containerConcurrency"]) == (90, 3)
    assert container["image"] == "registry.example/echo:1"
    assert container["resources"]["limits"]["memory"] == "1Gi"
    assert container["env"] == [{"name": "A", "value": "b"}]


@pytest.mark.parametrize(
    ("limit", "request_"),
    [("1", "50m"), ("2", "100m"), ("0.5", "25m"), ("250m", "13m"), ("1m", "1m"), ("0.29", "15m")],
)
def test_a_skill_asks_for_a_twentieth_of_the_cpu_that_it_may_take(
    limit: str, request_: str
) -> None:
    [container] = pod(f"[limits]\ncpu = {limit!r}\nmemory = '1Gi'")["containers"]
    assert container["resources"] == {
        "limits": {"cpu": limit, "memory": "1Gi"},
        "requests": {"cpu": request_, "memory": "1Gi"},
    }


def test_rendering_twice_gives_the_same() -> None:
    assert pod("[env]\nA = '1'\nB = '2'") == pod("[env]\nB = '2'\nA = '1'")
