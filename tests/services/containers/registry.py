"""A real registry for tests: distribution over a folder."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import goserver

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
    return goserver.find("registry")


@contextmanager
def running(program: str, folder: Path) -> Iterator[str]:
    """Its host:port, until the end of the block."""
    port = goserver.free_port()
    settings = folder / "registry.yml"
    settings.write_text(
        _SETTINGS.replace("FOLDER", str(folder / "registry")).replace("PORT", str(port))
    )
    with subprocess.Popen(
        [program, "serve", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            goserver.wait_until_it_answers(server, port, "the registry")
            yield f"127.0.0.1:{port}"
        finally:
            server.terminate()
