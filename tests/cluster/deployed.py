"""A real installation for tests: `catnap deploy` to the cluster of KUBECONFIG."""

from __future__ import annotations

import base64
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.cluster.kube import get, kubectl
from tests.platform.reached import Reached

ROOT = Path(__file__).resolve().parents[2]
OWNER = 65532
PORTS = (80, 9000, 8081)
"""Of the gateway's Service: HTTP, gRPC, callbacks."""


class Deployed(Reached):
    """One installation under a name of its own, which `remove` takes away."""

    def __init__(self, folder: Path, functions: Path) -> None:
        self.folder = folder
        self.functions = functions
        self.install = f"catnap-test-{secrets.token_hex(3)}"
        self.namespace = f"{self.install}-default"
        """Of the tenant `default`."""
        self._forward: subprocess.Popen[str] | None = None
        self._volume = ""

    def start(self) -> None:
        self.prepare()
        self.deploy()
        secret = get("secret", "catnap-admin", "-n", self.install)
        self.key = base64.b64decode(secret["data"]["key"]).decode()
        self._reach()

    def deploy(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.catnap("deploy", *arguments, check=check)

    def catnap(self, command: str, *arguments: str, check: bool = True) -> Any:
        done = subprocess.run(
            [*(sys.executable, "-m", "catnap.cli", command), "--install", self.install, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    @property
    def environment(self) -> dict[str, str]:
        """What the images of the tests' own skills are made with, too."""
        return {
            **os.environ,
            "PYTHONPATH": str(ROOT / "runtime"),
            "CATNAP_HOME": str(ROOT / ".catnap"),
            "CATNAP_FUNCTIONS": str(self.functions),
            "CATNAP_RETRY": "200ms",
        }

    def _reach(self) -> None:
        """By the Service's own address where this machine has a way there,
        else by way of the API server."""
        address = get("service", "catnap-gateway", "-n", self.install)["spec"]["clusterIP"]
        places = {port: f"{address}:{port}" for port in PORTS}
        try:
            socket.create_connection((address, 9000), timeout=2).close()
        except OSError:
            places = self._forwarded()
        self.http, self.grpc, self.callback = (places[port] for port in PORTS)

    def _forwarded(self) -> dict[int, str]:
        self._forward = subprocess.Popen(
            [
                *("kubectl", "port-forward", "-n", self.install, "service/catnap-gateway"),
                *(f":{port}" for port in PORTS),
            ],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._forward.stdout
        found: list[str] = []
        for line in self._forward.stdout:  # Forwarding from 127.0.0.1:40001 -> 8080
            if "from 127.0.0.1:" in line:  # in the order that they were named in
                found.append(line.split()[2])
            if len(found) == len(PORTS):
                return dict(zip(PORTS, found, strict=True))
        raise AssertionError("kubectl port-forward ended")

    def prepare(self) -> None:
        """Makes a place for the gateway's state, where the cluster provides none."""
        if get("storageclass")["items"]:
            return
        folder = self.folder / "state"
        folder.mkdir()
        os.chown(folder, OWNER, OWNER)
        for each in (folder, *folder.parents[:4]):
            each.chmod(each.stat().st_mode | 0o011)
        spec = {
            "capacity": {"storage": "10Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": str(folder)},
            "claimRef": {"namespace": self.install, "name": "catnap-gateway"},
            "persistentVolumeReclaimPolicy": "Retain",
        }
        volume = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": self.install},
            "spec": spec,
        }
        kubectl("apply", "-f", "-", given=volume)
        self._volume = self.install

    def remove(self) -> None:
        if self._forward:
            # All of it: kubectl may be a script here, whose child holds the pipe.
            os.killpg(self._forward.pid, signal.SIGTERM)
            self._forward.communicate()
        self.catnap("undeploy", "--all", "--yes", check=False)
        if self._volume:
            kubectl("delete", "persistentvolume", self._volume, "--wait=false")


def said(done: subprocess.CompletedProcess[str]) -> Any:
    """What a command printed with --json."""
    return json.loads(done.stdout)
