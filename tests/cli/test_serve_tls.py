"""catnap serve and catnap call over TLS, each as a user starts it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.authority import Authority
from tests.cli.conftest import Cli
from tests.goserver import free_port

ROOT = Path(__file__).parents[2]
MAIN = """
from catnap import skill
@skill
async def main(ctx, request: dict) -> str:
    await ctx.files.write("note.txt", b"kept")
    return f"{ctx.tenant} {ctx.user} {(await ctx.files.read('note.txt')).decode()}"
"""
CLIENTS = """
[[clients]]
name = "spiffe://acme.example/*"
tenant = "default"
user = "ada"
roles = ["caller"]
"""


@pytest.fixture
def folder(tmp_path: Path, alone: Cli) -> Path:
    made = tmp_path / "functions" / "notes"
    made.mkdir(parents=True)
    (made / "skill.toml").write_text('name = "notes"\ndescription = "Keeps a note."\n')
    (made / "main.py").write_text(MAIN)
    return tmp_path


@contextmanager
def serving(folder: Path, settings: str) -> Iterator[dict[str, str]]:
    """What it said when it was ready."""
    (folder / "catnap.toml").write_text(settings)
    addresses = ("--http", "https://localhost:0", "--grpc", "localhost:0")
    with subprocess.Popen(
        [sys.executable, "-m", "catnap.cli", "serve", "--json", "--no-reload", *addresses],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "runtime"), "CATNAP_MODELS": "127.0.0.1:1"},
    ) as process:
        assert process.stdout is not None
        try:
            yield next(found for line in process.stdout if "grpc" in (found := json.loads(line)))
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
        finally:
            process.kill()


def tls(authority: Authority, *, clients: bool) -> str:
    files = authority.serving(clients=clients)
    text = f'tls_cert = "{files.cert}"\ntls_key = "{files.key}"\n'
    return text + (f'tls_client_ca = "{files.client_ca}"\n' if files.client_ca else "")


def test_a_skill_is_called_over_tls_and_calls_back(folder: Path, alone: Cli) -> None:
    authority = Authority(folder)
    inside = f"127.0.0.1:{free_port()}"
    with serving(folder, f'plain = "{inside}"\n' + tls(authority, clients=False)) as ready:
        assert ready["http"].startswith("https://")
        grpc = ready["grpc"].replace("127.0.0.1", "localhost")
        http = ready["http"].replace("127.0.0.1", "localhost")
        ca = ("--ca", str(authority.file))
        done = alone("call", "notes", "--data", "{}", "--grpc", grpc, *ca)
        assert (done.status, done.out) == (0, '"default default kept"')
        assert alone("status", "--http", http, *ca).status == 0
        assert alone("login", "--http", http, "--grpc", grpc, *ca).status == 0
        (folder / "note.txt").write_bytes(b"straight")
        put = alone("files", "put", "note.txt", "--direct", "--http", http, "--grpc", grpc, *ca)
        assert put.status == 0, put.err
        for refused in (alone("status", "--http", http), alone("skills", "list", "--grpc", grpc)):
            assert refused.status == 7
            assert refused.err.startswith("catnap: ")
        plain = http.removeprefix("https://")
        assert alone("status", "--http", plain).status != 0
        assert alone("status", "--http", inside).status == 0


def test_a_certificate_is_all_that_a_client_needs(
    folder: Path, alone: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(folder)
    own = authority.issue("ada", "spiffe://acme.example/ada")
    with serving(folder, tls(authority, clients=True) + CLIENTS) as ready:
        grpc = ready["grpc"].replace("127.0.0.1", "localhost")
        http = ready["http"].replace("127.0.0.1", "localhost")
        monkeypatch.setenv("CATNAP_HOME", str(folder / "elsewhere"))  # no admin.key is there
        monkeypatch.setenv("CATNAP_CA", str(authority.file))
        assert alone("call", "notes", "--data", "{}", "--grpc", grpc).status == 7
        monkeypatch.setenv("CATNAP_CLIENT_CERT", str(own.cert))
        monkeypatch.setenv("CATNAP_CLIENT_KEY", str(own.key))
        done = alone("call", "notes", "--data", "{}", "--grpc", grpc)
        assert (done.status, done.out) == (0, '"default ada kept"')
        denied = alone("audit", "list", "--http", http)
        assert "certificate of spiffe://acme.example/ada" in denied.err


def test_what_does_not_go_together_is_said_before_anything_starts(
    folder: Path, alone: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(folder)
    files = authority.serving()
    for settings, said in (
        (f'tls_cert = "{files.cert}"', "give both"),
        (f'tls_client_ca = "{authority.file}"', "give both"),
        (f'tls_cert = "{files.cert}"\ntls_key = "{files.cert}"', "certificate, its key"),
        (f'tls_cert = "{files.cert}"\ntls_key = "{folder}/none"', "No such file"),
        ('http = "https://localhost:1"', "needs a certificate"),
        (tls(authority, clients=False) + CLIENTS, "nobody is asked for a certificate"),
    ):
        (folder / "catnap.toml").write_text(settings)
        refused = alone("serve")
        assert (refused.status, said in refused.err) == (2, True), refused
        checked = alone("config", "check")
        assert (checked.status, said in checked.out + checked.err) == (2, True), checked
