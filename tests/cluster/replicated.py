"""An installation whose store and files are outside of the cluster: two gateways."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

from tests.cluster.deployed import Deployed
from tests.cluster.kube import get, kubectl
from tests.platform.reached import Reached

GATEWAY = "app.kubernetes.io/name=catnap-gateway"


class Replica(Reached):
    """One of its gateways, reached past the Service."""

    def __init__(self, pod: str, uid: str, address: str, key: str) -> None:
        self.pod, self.uid, self.key = pod, uid, key
        self.http, self.grpc = f"{address}:8080", f"{address}:9000"
        self.callback = f"{address}:8081"

    def kill(self) -> None:
        """As a crash would: its pod's processes are processes of this machine."""
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and self._has(entry):
                os.kill(int(entry.name), signal.SIGKILL)

    def _has(self, process: Path) -> bool:
        try:
            ours = f"pod{self.uid}" in (process / "cgroup").read_text()
            return ours and b"catnap" in (process / "cmdline").read_bytes()
        except OSError:
            return False


class Replicated(Deployed):
    """store, files: as `catnap deploy` is told them. environment: what reaches
    the files."""

    def __init__(
        self, folder: Path, functions: Path, store: str, files: str, credentials: dict[str, str]
    ) -> None:
        super().__init__(folder, functions)
        self._settings = {"CATNAP_STORE": store, "CATNAP_FILES": files}
        self._credentials = credentials

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | self._settings

    def prepare(self) -> None:
        labels = {"catnap.dev/install": self.install}
        meta = {"name": self.install, "labels": labels}
        kubectl("apply", "-f", "-", given=_object("Namespace", metadata=meta))
        secret = {"name": "catnap-files", "namespace": self.install}
        data = {"metadata": secret, "stringData": self._credentials}
        kubectl("apply", "-f", "-", given=_object("Secret", **data))

    def replicas(self) -> list[Replica]:
        """Those that are ready, the oldest first."""
        pods = get("pods", "-n", self.install, "-l", GATEWAY)["items"]
        pods.sort(key=lambda each: each["metadata"]["creationTimestamp"])
        return [
            Replica(each["metadata"]["name"], each["metadata"]["uid"], _address(each), self.key)
            for each in pods
            if "deletionTimestamp" not in each["metadata"] and _is_ready(each)
        ]


def node() -> str:
    """The address at which pods reach this machine; empty where it is no node."""
    for each in get("nodes")["items"]:
        for address in each["status"]["addresses"]:
            if address["type"] == "InternalIP" and _is_ours(address["address"]):
                return str(address["address"])
    return ""


def _is_ours(address: str) -> bool:
    try:
        with socket.socket() as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def _address(pod: dict[str, dict[str, str]]) -> str:
    return pod["status"]["podIP"]


def _is_ready(pod: dict[str, dict[str, list[dict[str, str]]]]) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _object(kind: str, **fields: object) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": kind, **fields}
