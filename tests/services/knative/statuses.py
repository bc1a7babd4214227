"""What a Kubernetes 1.34 with Knative Serving 1.15 said of skills that do not run."""

from __future__ import annotations

from typing import Any

Found = dict[str, Any]

PULLED = (
    'failed to pull and unpack image "dev.local/none:1": failed to resolve image: failed to do '
    'request: Head "https://dev.local/v2/none/manifests/1": lookup dev.local: no such host'
)
TRACEBACK = (
    "Traceback (most recent call last):\n"
    '  File "<string>", line 3, in <module>\n'
    "ModuleNotFoundError: No module named 'nomodule'\n"
)
RUNC = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc "
    'create failed: unable to start container process: exec: "/nothing": stat /nothing: no such '
    "file or directory"
)
NO_ROOM = (
    "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 "
    "nodes are available: 1 Preemption is not helpful for scheduling."
)
QUOTA = (
    'pods "hungry-00001-deployment-7d9-x" is forbidden: exceeded quota: tenant, requested: '
    "requests.memory=921664Mi, used: requests.memory=4416Mi, limited: requests.memory=64Gi"
)
PROXY = {"name": "queue-proxy", "ready": False, "restartCount": 0, "state": {"running": {}}}


def pod(
    state: Found | None = None, last: Found | None = None, *, ready: bool = False, **status: Any
) -> Found:
    """A skill's pod; `state` of what the skill runs in."""
    container = {"name": "user-container", "ready": ready, "state": state, "lastState": last or {}}
    if state is not None:
        status["containerStatuses"] = [PROXY, container]
    image = {"name": "user-container", "image": "dev.local/none:1"}
    return {
        "metadata": {"name": "echo-00001-deployment-x", "namespace": "catnap-default"},
        "spec": {"containers": [image, {"name": "queue-proxy", "image": "dev.local/queue:1"}]},
        "status": status,
    }


def waiting(reason: str, message: str = "") -> Found:
    return {"waiting": {"reason": reason, "message": message}}


def terminated(code: int, reason: str = "Error", message: str = "") -> Found:
    return {"terminated": {"exitCode": code, "reason": reason, "message": message}}


def condition(kind: str, status: str, reason: str = "", message: str = "") -> Found:
    return {"type": kind, "status": status, "reason": reason, "message": message}
