"""An installation with a certificate: TLS, clients that show theirs, and a skill
with a secret."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from catnap.client import Client, Unreachable, connect
from catnap.errors import Unauthenticated, Unavailable
from tests.authority import Authority, Pair
from tests.cluster.deployed import Deployed
from tests.cluster.kube import get, kubectl, pods

SKILL = "keeps-quiet"
NAME = "spiffe://agents.example/planner"
CLIENTS = """
[[clients]]
name = "spiffe://agents.example/*"
tenant = "default"
user = "ada"
roles = ["caller", "developer"]
"""


class Secured(Deployed):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder, folder / "functions")
        shutil.copytree(Path(__file__).parent / "secured", self.functions / SKILL)
        (folder / "catnap.toml").write_text(CLIENTS)
        self.authority = Authority(folder)
        self.own = self.authority.issue("planner", NAME)

    def prepare(self) -> None:
        """The certificate is there before the gateway."""
        super().prepare()
        server = self.authority.issue("server", "localhost")
        labels = {"catnap.dev/install": self.install}
        namespace = {"apiVersion": "v1", "kind": "Namespace"}
        kubectl(
            *("apply", "-f", "-"),
            given={**namespace, "metadata": {"name": self.install, "labels": labels}},
        )
        kubectl(
            *("create", "secret", "generic", "catnap-tls", "-n", self.install),
            f"--from-file=tls.crt={server.cert}",
            f"--from-file=tls.key={server.key}",
            f"--from-file=ca.crt={self.authority.file}",
        )

    def secrets(self, *argv: str, given: bytes = b"") -> str:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "catnap.cli", "secrets", *argv),
                *("--install", self.install, "--kubeconfig", os.environ["KUBECONFIG"]),
            ],
            input=given,
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.decode()

    @contextmanager
    def by_certificate(self, own: Pair | None = None) -> Iterator[Client]:
        """own: whose; that of NAME by default."""
        own = own or self.own
        port = self.grpc.rpartition(":")[2]
        with connect(
            f"https://localhost:{port}", "", ca=self.authority.file, cert=own.cert, key=own.key
        ) as client:
            yield client

    def _reach(self) -> None:
        # By a name that the certificate has.
        places = self._forwarded()
        self.http, self.grpc = places[80], places[9000]


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    found = Secured(tmp_path_factory.mktemp("secured"))
    try:
        found.start()
        yield found
    finally:
        found.remove()


def renew(secured: Secured) -> None:
    """Has the next call start another instance."""
    selector = f"serving.knative.dev/service={SKILL}"
    kubectl("delete", "pods", "-n", secured.namespace, "-l", selector, "--wait=true")


def logged(secured: Secured) -> str:
    """By those pods that are not ending."""
    found = [each["metadata"] for each in pods(secured.namespace, SKILL)]
    here = [each["name"] for each in found if "deletionTimestamp" not in each]
    return "".join(
        kubectl("logs", "-n", secured.namespace, name, "-c", "user-container") for name in here
    )


def test_a_certificate_whose_name_has_a_rule_is_all_that_a_client_needs(secured: Secured) -> None:
    with secured.by_certificate() as client:
        assert [each.name for each in client.skills.list()] == [SKILL]
    stranger = secured.authority.issue("stranger", "spiffe://others.example/x")
    with secured.by_certificate(stranger) as client, pytest.raises(Unauthenticated):
        client.skills.list()
    with connect(secured.grpc, secured.key) as plain, pytest.raises(Unreachable):
        plain.skills.list()


@pytest.mark.timeout(600)
def test_a_secret_is_a_file_in_memory_of_the_skills_that_name_it(secured: Secured) -> None:
    with secured.by_certificate() as client:
        with pytest.raises(Unavailable, match="catnap secrets set api-key"):
            client.invoke(SKILL, {})
        assert "not set" in secured.secrets("list")
        for value in (b"first-canary-0123", b"second-canary-0123"):
            secured.secrets("set", "api-key", "--skill", SKILL, given=value)
            renew(secured)
            said = client.invoke(SKILL, {}).json()
            digest = hashlib.sha256(value).hexdigest()
            assert said == {"digest": digest, "in": "tmpfs", "user": "ada"}
            log = logged(secured)
            assert re.search(r"it is \[redacted\]", log)
            assert "canary" not in log
    assert "canary" not in secured.secrets("list")


def test_the_gateway_has_no_right_to_any_secret(secured: Secured) -> None:
    account = f"system:serviceaccount:{secured.install}:catnap-gateway"
    for verb in ("get", "list", "watch", "create", "patch", "delete"):
        for namespace in (secured.install, secured.namespace):
            done = subprocess.run(
                [
                    *("kubectl", "auth", "can-i", verb, "secrets", "-n", namespace),
                    *("--as", account),
                ],
                capture_output=True,
                text=True,
            )
            assert done.stdout.strip() == "no", (verb, namespace)


def test_what_a_pod_names_is_the_secret_of_its_skill_alone(secured: Secured) -> None:
    [service] = get("ksvc", "-n", secured.namespace)["items"]
    volumes = service["spec"]["template"]["spec"]["volumes"]
    named = [each["secret"]["secretName"] for each in volumes if "secret" in each]
    assert named == [f"{SKILL}-secrets"]
