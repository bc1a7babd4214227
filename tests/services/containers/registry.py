"""A real registry for tests: distribution over a folder."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

HOW = (
    "needs the server `registry` on PATH or in $(go env GOPATH)/bin: "
    "go install github.com/distribution/distribution/v3/cmd/registry@v3.1.2"
)
_SETTINGS = """\
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: FOLDER}}
http: {addr: "127.0.0.1:PORT"}
"""


def find() -> str | None:
    go = shutil.which("go")
    places = [os.environ.get("PATH", "")]
    if go:
        answer = subprocess.run([go, "env", "GOPATH"], capture_output=True, text=True, check=True)
        places.append(str(Path(answer.stdout.strip()) / "bin"))
    return shutil.which("registry", path=os.pathsep.join(places))


@contextmanager
def running(program: str, folder: Path) -> Iterator[str]:
    """Its host:port, until the end of the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = folder / "registry.yml"
    settings.write_text(
        _SETTINGS.replace("FOLDER", str(folder / "registry")).replace("PORT", str(port))
    )
    with subprocess.Popen(
        [program, "serve", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            while not _answers(port):
                with suppress(subprocess.TimeoutExpired):
                    raise AssertionError(f"the registry ended with {server.wait(0.02)}")
            yield f"127.0.0.1:{port}"
        finally:
            server.terminate()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
