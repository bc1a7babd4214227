"""KServe's own model server, with the models of servers/kserve_models.py."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.clients.tool import HERE, find
from tests.goserver import free_port, wait_until_it_answers

MODELS = ("add", "failing", "mirror", "slow")


def table(address: str) -> str:
    """Its models as a models.toml."""
    return "\n".join(f'[{each}]\nservers = ["{address}"]' for each in MODELS)


@contextmanager
def running(folder: Path) -> Iterator[tuple[str, str]]:
    """Where it listens for gRPC, and for HTTP."""
    grpc, http = free_port(), free_port()
    command = [find("kserve"), HERE / "servers" / "kserve_models.py"]
    command += [f"--grpc_port={grpc}", f"--http_port={http}"]
    with (folder / "kserve.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        for port in (grpc, http):
            wait_until_it_answers(server, port, "kserve's model server")
        yield f"127.0.0.1:{grpc}", f"127.0.0.1:{http}"
    finally:
        server.terminate()
        server.wait()
