"""A manifest as the Knative Service object that every platform is given."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from catnap.skills.manifest import Limits, Manifest, Scale

API_VERSION = "serving.knative.dev/v1"
AUTOSCALING = "autoscaling.knative.dev/"
CATNAP = "catnap.dev/"
PORT = 8080
USER = 65532
"""Nobody's on any node, and the one that our images are made for."""
SECRETS = "/run/catnap/secrets"
"""Where a pod has a file for each secret, in memory."""


def service(manifest: Manifest, *, image: str, namespace: str) -> dict[str, Any]:
    """The Service object, as `kubectl apply` would take it.

    Pure: the same arguments give the same object. Source of the fields:
    Knative Serving's API reference, serving.knative.dev/v1.
    """
    labels = {
        "app.kubernetes.io/name": manifest.name,
        "app.kubernetes.io/managed-by": "catnap",
    }
    about = {
        CATNAP + "description": manifest.description,
        CATNAP + "version": manifest.version,
    }
    return {
        "apiVersion": API_VERSION,
        "kind": "Service",
        "metadata": {
            "name": manifest.name,
            "namespace": namespace,
            "labels": labels,
            "annotations": about,
        },
        "spec": {
            "template": {
                "metadata": {"labels": labels, "annotations": _annotations(manifest)},
                "spec": {
                    "containerConcurrency": manifest.scale.concurrency,
                    "timeoutSeconds": math.ceil(manifest.limits.timeout),
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "containers": [_container(manifest, image)],
                    "volumes": [{"name": "tmp", "emptyDir": {}}, *_secrets(manifest)],
                },
            },
        },
    }


def _annotations(manifest: Manifest) -> dict[str, str]:
    scale = manifest.scale
    annotations = {
        AUTOSCALING + "min-scale": str(scale.min),
        AUTOSCALING + "max-scale": str(scale.max),
        AUTOSCALING + "window": str(scale.window),
        AUTOSCALING + "scale-to-zero-pod-retention-period": str(scale.idle),
        # Else Knative's proxies may break an answer off that begins before they
        # have seen the end of the request (golang/go#40747): streams, mostly.
        "features.knative.dev/http-full-duplex": "Enabled",
        CATNAP + "session-affinity": str(manifest.session.affinity).lower(),
        CATNAP + "session-idle": str(manifest.session.idle),
        CATNAP + "session-max": str(manifest.session.max),
        CATNAP + "session-share": manifest.session.share,
    }
    if scale.queue != Scale().queue:
        annotations[CATNAP + "queue"] = str(scale.queue)
    if scale.target is not None:
        annotations[AUTOSCALING + "target"] = f"{scale.target:g}"
    if scale.preload:
        annotations[CATNAP + "preload"] = ",".join(scale.preload)
    if manifest.session.workspace:
        annotations[CATNAP + "session-workspace"] = "true"
    if manifest.egress.allow:
        annotations[CATNAP + "egress"] = ",".join(manifest.egress.allow)
    return annotations


def secret_of(skill: str) -> str:
    """The name of the Secret object that holds a skill's."""
    return f"{skill}-secrets"


def _secrets(manifest: Manifest) -> list[dict[str, Any]]:
    names = manifest.secrets.names
    if not names:
        return []
    secret = {
        "secretName": secret_of(manifest.name),
        "items": [{"key": name, "path": name} for name in names],
        # One that is not set yet fails the call that asks for it, not the pod.
        "optional": True,
        # The pod's only user is not its owner, and is alone in there.
        "defaultMode": 0o444,
    }
    return [{"name": "secrets", "secret": secret}]


def _container(manifest: Manifest, image: str) -> dict[str, Any]:
    env = dict(manifest.env)
    # All else is read-only, and tempfile needs a place.
    mounts: list[dict[str, Any]] = [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108
    if manifest.secrets.names:
        env["CATNAP_SECRETS"] = SECRETS
        mounts.append({"name": "secrets", "mountPath": SECRETS, "readOnly": True})
    return {
        "image": image,
        "ports": [{"name": "http1", "containerPort": PORT}],
        "env": [{"name": name, "value": value} for name, value in sorted(env.items())],
        "resources": _resources(manifest.limits),
        # Without a period the queue-proxy asks every 50 ms, and Kubernetes hears of it at once.
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 0}},
        "volumeMounts": mounts,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def _resources(limits: Limits) -> dict[str, Any]:
    """Of CPU a twentieth is asked for: a skill waits for models and files most of
    the time, and a node that set its whole limit aside for each instance would
    hold one or two. Memory that was promised cannot be taken back: all of it.
    """
    most: dict[str, Any] = {"cpu": limits.cpu, "memory": limits.memory}
    if limits.gpu:
        most["nvidia.com/gpu"] = str(limits.gpu)
    return {"limits": most, "requests": {"cpu": _twentieth(limits.cpu), "memory": limits.memory}}


def _twentieth(cpu: str) -> str:
    """In whole thousandths of a core, which Kubernetes' finest is."""
    cores = Decimal(cpu[:-1]) / 1000 if cpu.endswith("m") else Decimal(cpu)
    return f"{math.ceil(cores * 50)}m"
