"""Ingress objects as Knative's controllers write them."""

from __future__ import annotations

from typing import Any

CLASS = "catnap.ingress.networking.knative.dev"


def split(service: str, percent: int = 100, namespace: str = "shop", **more: Any) -> dict[str, Any]:
    """A share of the traffic, for a revision of that name."""
    return {
        "serviceNamespace": namespace,
        "serviceName": service,
        "servicePort": 80,
        "percent": percent,
        "appendHeaders": {
            "Knative-Serving-Namespace": namespace,
            "Knative-Serving-Revision": service,
        },
        **more,
    }


def path(*splits: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"splits": list(splits), **more}


def rule(
    *hosts: str, paths: list[dict[str, Any]], visibility: str = "ExternalIP"
) -> dict[str, Any]:
    return {"hosts": list(hosts), "visibility": visibility, "http": {"paths": paths}}


def ingress(
    *rules: dict[str, Any],
    name: str = "cart",
    namespace: str = "shop",
    kind: str | None = CLASS,
    created: str = "2026-11-21T09:00:00Z",
    labels: dict[str, str] | None = None,
    **spec: Any,
) -> dict[str, Any]:
    annotations = {} if kind is None else {"networking.knative.dev/ingress.class": kind}
    return {
        "apiVersion": "networking.internal.knative.dev/v1alpha1",
        "kind": "Ingress",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-of-{name}",
            "generation": 1,
            "resourceVersion": "1",
            "creationTimestamp": created,
            "labels": {"serving.knative.dev/route": name, **(labels or {})},
            "annotations": annotations,
        },
        "spec": {"rules": list(rules), **spec},
    }


def local(name: str = "cart", namespace: str = "shop") -> tuple[str, str, str]:
    """The names that a Route has within the cluster."""
    return (
        f"{name}.{namespace}",
        f"{name}.{namespace}.svc",
        f"{name}.{namespace}.svc.cluster.local",
    )


def route(
    *splits: dict[str, Any], name: str = "cart", namespace: str = "shop", **more: Any
) -> dict[str, Any]:
    """The object of a Route that is for the cluster only."""
    shares = splits or (split(f"{name}-00001", namespace=namespace),)
    rules = rule(*local(name, namespace), paths=[path(*shares)], visibility="ClusterLocal")
    return ingress(rules, name=name, namespace=namespace, **more)
