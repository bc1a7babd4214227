"""The manifests of knative/, read as kubectl reads them."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from catnap.errors import InvalidRequest, NotFound
from catnap.services.cluster.manifests import build, extended, find
from catnap.services.cluster.patches import patched

ROOT = Path(__file__).resolve().parents[3]


def by_name(objects: list[Any]) -> dict[tuple[str, str], Any]:
    return {(each["kind"], each["metadata"]["name"]): each for each in objects}


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not on the PATH")
@pytest.mark.parametrize("name", ["system", "replicas", "tenant"])
def test_kubectl_makes_the_same_of_them(name: str) -> None:
    folder = find(name)
    done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, check=True)
    assert by_name(build(folder)) == by_name(list(yaml.safe_load_all(done.stdout)))


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not on the PATH")
@pytest.mark.parametrize("name", ["system", "replicas"])
@pytest.mark.parametrize("components", [["tls"], ["tls", "mtls"]])
def test_kubectl_makes_the_same_of_those_with_components(
    tmp_path: Path, name: str, components: list[str]
) -> None:
    shutil.copytree(find("system").parent, tmp_path / "knative")
    folder = tmp_path / "knative" / "whole"
    folder.mkdir()
    layer = {"resources": [f"../{name}"], "components": [f"../{each}" for each in components]}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(layer))
    done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, check=True)
    objects = build(find(name))
    for each in components:
        objects = extended(objects, find(each))
    assert by_name(objects) == by_name(list(yaml.safe_load_all(done.stdout)))


def test_what_is_no_component_of_patches_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="no component"):
        extended([], find("system"))


@pytest.mark.parametrize(
    ("layer", "named"),
    [
        ({"namePrefix": "my-"}, "namePrefix"),
        ({"labels": [{"pairs": {"a": "b"}, "includeSelectors": True}]}, "includeSelectors"),
        ({"resources": ["missing.yaml"]}, "missing.yaml"),
        ({"patches": [{"path": "odd.yaml", "options": {}}]}, "options"),
        ({"patches": [{"path": "odd.yaml"}]}, "a list of operations, or an object to delete"),
    ],
)
def test_what_is_not_read_as_kustomize_would_is_refused_by_name(
    tmp_path: Path, layer: dict[str, Any], named: str
) -> None:
    (tmp_path / "odd.yaml").write_text("kind: Service")
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump({"resources": [], **layer}))
    with pytest.raises(InvalidRequest, match=named):
        build(tmp_path)


def test_a_folder_that_is_not_there_is_named() -> None:
    with pytest.raises(NotFound, match="knative/nothing"):
        find("nothing")


def test_they_come_with_the_wheel(tmp_path: Path) -> None:
    subprocess.run(
        [*(sys.executable, "-m", "hatchling", "build", "-t", "wheel"), "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    [wheel] = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    code = "from catnap.services.cluster.manifests import find; print(find('system'))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(tmp_path / "installed" / "catnap" / "knative" / "system")


@pytest.mark.parametrize(
    ("patch", "named"),
    [
        ({"op": "replace", "path": "/spec/b", "value": 1}, "no such place"),
        ({"op": "replace", "path": "/spec/list/1", "value": 1}, "no such place"),
        ({"op": "add", "path": "/spec/list/0", "value": 1}, "only at the end"),
        ({"op": "test", "path": "/spec/a", "value": 2}, "it is 1"),
        ({"op": "move", "path": "/spec/a", "value": 2}, "move"),
    ],
)
def test_a_patch_that_does_not_fit_is_refused(patch: dict[str, Any], named: str) -> None:
    service = {"kind": "Service", "metadata": {"name": "s"}, "spec": {"a": 1, "list": ["x"]}}
    with pytest.raises(InvalidRequest, match=named):
        patched([service], {"kind": "Service", "name": "s"}, [patch])
    with pytest.raises(InvalidRequest, match="no Service other"):
        patched([service], {"kind": "Service", "name": "other"}, [patch])
