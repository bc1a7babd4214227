"""What the gateway may do to the Deployments of models that sleep: scale them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from catnap.services.cluster.install import Install
from catnap.services.cluster.manifests import Object
from catnap.services.cluster.names import GATEWAY, INSTALL, MANAGED_BY, waker_of

_RBAC = "rbac.authorization.k8s.io"


def wake_rights(install: Install) -> Iterator[Object]:
    """A Role for each namespace that has any, with their names, and its binding."""
    names = defaultdict[str, set[str]](set)
    for deployment in install.wakes:
        namespace, _, name = deployment.partition("/")
        names[namespace].add(name)
    role = waker_of(install.name)
    for namespace in sorted(names):
        labels = {MANAGED_BY: "catnap", INSTALL: install.name}
        metadata = {"name": role, "namespace": namespace, "labels": labels}
        yield {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "Role",
            "metadata": metadata,
            "rules": [
                {
                    "apiGroups": ["apps"],
                    "resources": ["deployments/scale"],
                    "resourceNames": sorted(names[namespace]),
                    "verbs": ["get", "patch"],
                }
            ],
        }
        yield {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": GATEWAY, "namespace": install.name}],
        }
