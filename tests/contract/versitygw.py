"""A real S3 server for tests: versitygw over a folder."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from catnap.files.bucket import Bucket
from tests import goserver

HOW = (
    "the S3 side needs the server versitygw on PATH or in $(go env GOPATH)/bin: "
    "go install github.com/versity/versitygw/cmd/versitygw@v1.8.0"
)
_ACCESS, _SECRET = "catnap", "catnap-tests"


def find() -> str | None:
    return goserver.find("versitygw")


@contextmanager
def running(program: str, folder: Path, address: str = "127.0.0.1") -> Iterator[Bucket]:
    """The server with one bucket in it, until the end of the block."""
    (folder / "tests").mkdir()
    port = goserver.free_port(address)
    command = [program, "--quiet", "--port", f"{address}:{port}", "posix", str(folder)]
    keys = {"ROOT_ACCESS_KEY": _ACCESS, "ROOT_SECRET_KEY": _SECRET}
    with subprocess.Popen(command, env=os.environ | keys, stdout=subprocess.DEVNULL) as server:
        try:
            goserver.wait_until_it_answers(server, port, "versitygw", address)
            yield Bucket(
                "tests", f"http://{address}:{port}", access_key=_ACCESS, secret_key=_SECRET
            )
        finally:
            server.terminate()
