"""A real Postgres for tests: a server of their own, on a socket in a folder."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

NEEDS = "the Postgres side needs {}: make test-servers"


def missing() -> str:
    """What to say where there is none; empty where there is."""
    if importlib.util.find_spec("psycopg") is None:
        return NEEDS.format("the driver psycopg 3, of the extra `postgres`")
    return "" if _program("initdb") else NEEDS.format("initdb, on PATH or where Debian has it")


@dataclass
class Server:
    """Runs as nobody where we are root: Postgres refuses root."""

    folder: Path
    address: str = ""
    """Where it listens besides, for all that this machine has a network with."""
    port: int = 5432
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def far(self) -> str:
        """Its URI at `address`."""
        return f"postgresql://catnap@{self.address}:{self.port}/postgres"

    def uri(self, schema: str = "public") -> str:
        return f"postgresql:///postgres?host={self.folder}&port={self.port}&user=catnap&options=-csearch_path%3D{schema}"

    def start(self) -> None:
        options = {
            "fsync": "off",
            "listen_addresses": self.address,
            "port": self.port,
            "unix_socket_directories": self.folder,
        }
        command = [_program("postgres"), "-D", self.folder / "data"]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL, **_as_nobody())
        while not self._answers():
            assert self._process.poll() is None, "postgres ended"

    def stop(self, number: int = signal.SIGQUIT) -> None:
        """SIGQUIT: at once, as in a crash; SIGINT: connections are ended; SIGTERM: they may end."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()

    def query(self, sql: str) -> str:
        answer = subprocess.run(
            [_program("psql"), "-XAtqc", sql, self.uri()], capture_output=True, check=True
        )
        return answer.stdout.decode().strip()

    def _answers(self) -> bool:
        command = [_program("pg_isready"), "-q", "-h", self.folder, "-p", str(self.port)]
        return subprocess.run(command, check=False).returncode == 0


@contextmanager
def running(address: str = "", port: int = 5432) -> Iterator[Server]:
    # Not in pytest's own folder: nobody else may enter that.
    folder = Path(tempfile.mkdtemp(prefix="catnap-postgres-"))
    try:
        if os.getuid() == 0:
            shutil.chown(folder, "nobody")
        command = [_program("initdb"), "-D", folder / "data", "-U", "catnap", "-A", "trust"]
        options = ["-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run([*command, *options], check=True, capture_output=True, **_as_nobody())
        with (folder / "data" / "pg_hba.conf").open("a") as rules:
            rules.write("host all catnap samenet trust\n")
        server = Server(folder, address, port)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _as_nobody() -> dict[str, object]:
    return {"user": "nobody", "extra_groups": []} if os.getuid() == 0 else {}


def _program(name: str) -> str:
    places = [os.environ.get("PATH", ""), *map(str, _installed())]
    return shutil.which(name, path=os.pathsep.join(places)) or ""


def _installed() -> list[Path]:
    """Debian keeps the server off the PATH; the newest first."""
    return sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
