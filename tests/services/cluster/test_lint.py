"""What a linter of Kubernetes manifests finds: nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from catnap.services.cluster.install import Install
from catnap.services.cluster.names import GATEWAY, MODELS
from catnap.services.cluster.objects import cluster_objects
from catnap.services.cluster.skill import Skill
from catnap.skills.manifest import read_manifest

ROOT = Path(__file__).resolve().parents[3]
CHECKOV = shutil.which("checkov", path=f"{ROOT}/.tools/bin:{os.environ['PATH']}")


def reference(name: str) -> str:
    """As a registry's images are deployed."""
    return f"registry.example/{name}@sha256:{'0' * 64}"


def as_deployment(service: dict[str, Any]) -> dict[str, Any]:
    """The pods of a Knative Service in a kind that linters know."""
    passed_over = {
        "checkov.io/skip1": "CKV_K8S_8=a call may keep a skill busy for as long as its timeout",
        "checkov.io/skip2": "CKV_K8S_29=Knative takes a security context of containers only",
    }
    return {
        **service,
        "metadata": {**service["metadata"], "annotations": passed_over},
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "spec": {
            "selector": {"matchLabels": service["spec"]["template"]["metadata"]["labels"]},
            "template": service["spec"]["template"],
        },
    }


@pytest.mark.skipif(CHECKOV is None, reason="checkov is not there: `make test-servers` installs it")
@pytest.mark.parametrize("replicated", [False, True])
def test_checkov_finds_nothing(tmp_path: Path, replicated: bool) -> None:
    manifests = [read_manifest(each.parent) for each in ROOT.glob("functions/*/skill.toml")]
    skills = [Skill(manifest=each, image=reference(each.name)) for each in manifests]
    install = Install(gateway=reference(GATEWAY), models=reference(MODELS), replicated=replicated)
    objects = cluster_objects(install, skills)
    known = [
        as_deployment(each) if each["apiVersion"] == "serving.knative.dev/v1" else each
        for each in objects
    ]
    file = tmp_path / "objects.yaml"
    file.write_text("\n---\n".join(map(json.dumps, known)))
    assert CHECKOV
    done = subprocess.run(
        [
            *(CHECKOV, "--file", file, "--framework", "kubernetes", "--output", "json"),
            *("--quiet", "--skip-download"),
        ],
        capture_output=True,
        text=True,
    )
    report = json.loads(done.stdout)
    assert report["summary"]["passed"] > 100
    assert [
        f"{each['resource']}: {each['check_name']} ({each['check_id']})"
        for each in report["results"]["failed_checks"]
    ] == []
