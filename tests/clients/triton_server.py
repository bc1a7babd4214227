"""A real Triton on the processor, with the models of triton/."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.clients.tool import HERE, find
from tests.goserver import free_port, wait_until_it_answers

MODELS = sorted(each.name for each in (HERE / "triton").iterdir())
SERVER = "lib/python3.11/site-packages/pytriton/tritonserver"


@dataclass(frozen=True)
class Triton:
    """Where it listens."""

    grpc: str
    http: str


def table(address: str) -> str:
    """All its models as a models.toml, and one of them by another name."""
    written = [f'[{each}]\nservers = ["{address}"]' for each in MODELS]
    written += ['abilities = ["generate", "infer"]']  # of the last, which is the writer
    written += [f'[another-name]\nservers = ["{address}"]\nat_servers = "add"']
    return "\n".join(written)


@contextmanager
def running(folder: Path) -> Iterator[Triton]:
    """folder: for what it needs to have in one place."""
    home = find("triton", SERVER)
    backend = folder / "backends" / "python"
    shutil.copytree(home / "backends" / "python", backend)
    stub = home / "python_backend_stubs" / "3.11" / "triton_python_backend_stub"
    (backend / stub.name).symlink_to(stub)
    shutil.copytree(HERE / "triton", folder / "models")
    grpc, http = free_port(), free_port()
    command = [
        home / "bin" / "tritonserver",
        f"--backend-directory={backend.parent}",
        f"--model-repository={folder / 'models'}",
        "--model-control-mode=explicit",
        "--load-model=*",
        "--allow-metrics=false",
        "--exit-timeout-secs=1",
        *("--grpc-address=127.0.0.1", f"--grpc-port={grpc}"),
        *("--http-address=127.0.0.1", f"--http-port={http}"),
    ]
    # The models run in the Python that is first on the PATH.
    environment = {**os.environ, "PATH": f"{find('triton').parent}:{os.environ['PATH']}"}
    with (folder / "triton.log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        wait_until_it_answers(server, http, "tritonserver")
        yield Triton(f"127.0.0.1:{grpc}", f"127.0.0.1:{http}")
    finally:
        server.terminate()
        server.wait()
