"""The folder `knative/`, read as `kubectl kustomize` reads it.

Of kustomize, what our own folders use; anything else is refused by its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from catnap.errors import InvalidRequest, NotFound
from catnap.services.cluster.patches import patched

Object = dict[str, Any]

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where PyYAML has it: a tenth of the time that a deploy reads for."""
_KNOWN = {"apiVersion", "kind", "namespace", "labels", "resources", "patches"}
_CLUSTER_SCOPED = {"Namespace", "ClusterRole", "ClusterRoleBinding"}


def find(name: str) -> Path:
    """A folder of `knative/`: beside the package where it was installed, at the
    top of a checkout. Raises NotFound."""
    package = Path(__file__).parents[2]
    for root in (package, *package.parents[:2]):
        if (root / "knative" / name / "kustomization.yaml").is_file():
            return root / "knative" / name
    raise NotFound(f"the manifests knative/{name} are not there: install catnap-functions anew")


def build(folder: Path) -> list[Object]:
    """The objects of a folder, in the order it lists them. Raises InvalidRequest."""
    path = folder / "kustomization.yaml"
    [layer] = _read(path)
    unknown = layer.keys() - _KNOWN
    if unknown:
        raise InvalidRequest(f"{path}: {min(unknown)} is not supported: only {sorted(_KNOWN)}")
    labels = _labels(layer.get("labels", ()), path)
    objects = [each for name in layer["resources"] for each in _resource(folder / name)]
    objects = _patched(objects, layer, folder)
    for each in objects:
        meta = each["metadata"]
        if labels:
            meta["labels"] = {**meta.get("labels", {}), **labels}
        if "namespace" in layer and each["kind"] not in _CLUSTER_SCOPED:
            meta["namespace"] = layer["namespace"]
    return objects


def extended(objects: list[Object], folder: Path) -> list[Object]:
    """As a component changes them, of which ours have patches alone. Raises
    InvalidRequest."""
    [layer] = _read(folder / "kustomization.yaml")
    if layer["kind"] != "Component" or layer.keys() != {"apiVersion", "kind", "patches"}:
        raise InvalidRequest(f"{folder}: is no component with patches alone")
    return _patched(objects, layer, folder)


def _patched(objects: list[Object], layer: Mapping[str, Any], folder: Path) -> list[Object]:
    for each in layer.get("patches", ()):
        if not each.keys() <= {"path", "target"}:
            raise InvalidRequest(f"{folder}: patches: only path and target, not {sorted(each)}")
        [patch] = _read(folder / each["path"])
        try:
            objects = patched(objects, each.get("target", {}), patch)
        except InvalidRequest as error:
            raise InvalidRequest(f"{folder / each['path']}: {error.message}") from None
    return objects


def _resource(path: Path) -> list[Object]:
    return build(path) if path.is_dir() else _read(path)


def _labels(layers: list[Mapping[str, Any]], path: Path) -> dict[str, str]:
    labels: dict[str, str] = {}
    for each in layers:
        if each.keys() != {"pairs"}:
            raise InvalidRequest(f"{path}: labels: only pairs is supported, not {sorted(each)}")
        labels.update(each["pairs"])
    return labels


def _read(path: Path) -> list[Object]:
    try:
        return [each for each in yaml.load_all(path.read_text("utf-8"), _LOADER) if each]
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidRequest(f"{path}: cannot be read: {error}") from None
