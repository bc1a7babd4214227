"""llama-cpp-python's server, with a model of random weights."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.clients.tool import HERE, find
from tests.goserver import free_port, wait_until_it_answers

MODEL = "tiny-random"


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Where it listens, host:port. It answers one request at a time."""
    file, port = folder / "tiny.gguf", free_port()
    subprocess.run([find("llama"), HERE / "servers" / "tiny_gguf.py", file], check=True)
    command = [find("llama"), "-m", "llama_cpp.server", "--model", file, "--model_alias", MODEL]
    command += ["--port", str(port), "--n_ctx", "32768", "--chat_format", "chatml"]
    # A request that waits does not end the one at work: only its caller's leaving does.
    command += ["--n_threads", "1", "--interrupt_requests", "false"]
    with (folder / "llama.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_until_it_answers(server, port, "llama-cpp-python's server")
        yield f"127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()
