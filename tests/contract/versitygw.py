"""A real S3 server for tests: versitygw over a folder."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from catnap.files.s3 import Bucket

HOW = (
    "the S3 side needs the server versitygw on PATH or in $(go env GOPATH)/bin: "
    "go install github.com/versity/versitygw/cmd/versitygw@v1.8.0"
)
_ACCESS, _SECRET = "catnap", "catnap-tests"


def find() -> str | None:
    go = shutil.which("go")
    places = [os.environ.get("PATH", "")]
    if go:
        answer = subprocess.run([go, "env", "GOPATH"], capture_output=True, text=True, check=True)
        places.append(str(Path(answer.stdout.strip()) / "bin"))
    return shutil.which("versitygw", path=os.pathsep.join(places))


@contextmanager
def running(program: str, folder: Path) -> Iterator[Bucket]:
    """The server with one bucket in it, until the end of the block."""
    (folder / "tests").mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [program, "--quiet", "--port", f"127.0.0.1:{port}", "posix", str(folder)]
    keys = {"ROOT_ACCESS_KEY": _ACCESS, "ROOT_SECRET_KEY": _SECRET}
    with subprocess.Popen(command, env=os.environ | keys, stdout=subprocess.DEVNULL) as server:
        try:
            while not _answers(port):
                with suppress(subprocess.TimeoutExpired):
                    raise AssertionError(f"versitygw ended with {server.wait(0.02)}")
            yield Bucket(
                "tests", f"http://127.0.0.1:{port}", access_key=_ACCESS, secret_key=_SECRET
            )
        finally:
            server.terminate()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
