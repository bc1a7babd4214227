"""catnap models: what is wrong with models.toml, what its servers say, what there is."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from catnap.models.settings import Prices
from catnap.models.snapshot import ModelSeen, ModelsSeen, ServerSeen
from tests.cli.conftest import Cli
from tests.models.upstreams import oip_upstreams, openai_upstreams


def test_a_good_file_is_said_to_be_good(alone: Cli, tmp_path: Path) -> None:
    done = alone("models", "check")
    assert (done.status, done.err) == (0, "nothing is wrong: no models.toml, 1 models\n")
    (tmp_path / "models.toml").write_text("[one]\nservers = ['o:1']\n")
    done = alone("models", "check", "--json")
    assert (done.status, done.json["models"]) == (0, ["minilm-l6-v2", "one"])
    assert (done.json["problems"], done.json["file"]) == ([], str(tmp_path / "models.toml"))


def test_all_that_is_wrong_is_said_with_its_line(alone: Cli, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text("[one]\nserver = ['o:1']\n[two]\nservers = []\n")
    done = alone("models", "check", "other.toml")
    assert done.status == 2
    lines = done.out.splitlines()
    assert lines[0] == "other.toml:2: [one] unknown key 'server': did you mean 'servers'?"
    assert lines[1].startswith("other.toml:4: [two] servers: name one at least")
    assert alone("models", "check", "other.toml", "--json").json["problems"] == lines


async def test_every_server_is_asked_whether_it_has_the_model(
    alone: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WRITER_KEY", raising=False)
    async with oip_upstreams() as [tensors], openai_upstreams() as [texts]:
        (tmp_path / "models.toml").write_text(
            f"[good]\nservers = ['{tensors.address}']\n"
            "[gone]\nservers = ['127.0.0.1:1']\n"
            f"[writer]\nprotocol = 'openai'\nservers = ['{texts.address}']\n"
            "key_env = 'WRITER_KEY'\n"
            "[ranker]\nfolder = 'absent'\n"
        )
        done = await asyncio.to_thread(alone, "models", "check", "--ask", "--json")
        assert done.status == 1
        found = {each["model"]: each for each in done.json["servers"]}
        assert sorted(found) == ["gone", "good", "ranker", "writer"]
        assert found["ranker"]["problem"] == f"folder: there is no {tmp_path / 'absent'}"
        good = found["good"]
        assert (good["live"], good["there"], good["about"], good["problem"]) == (
            *(True, True, "same 1", ""),
        )
        assert good["seconds"] > 0
        assert "cannot be reached" in found["gone"]["problem"]
        assert found["writer"]["problem"] == "key_env: WRITER_KEY is not set here"
        shown = await asyncio.to_thread(alone, "models", "check", "--ask")
        assert [line.split()[0] for line in shown.out.splitlines()] == [
            *("model", "ranker", "gone", "good", "writer"),
        ]


@pytest.fixture
def listed(alone: Cli) -> Iterator[Any]:
    """`catnap models list` beside a gateway that has these."""
    seen: list[bytes] = []

    class Gateway(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(seen[0])))
            self.end_headers()
            self.wfile.write(seen[0])

        def log_message(self, *_: Any) -> None: ...

    def call(found: ModelsSeen, *argv: str) -> Any:
        seen[:] = [msgspec.json.encode(found)]
        address = f"127.0.0.1:{server.server_port}"
        return alone("models", "list", *argv, "--http", address, "--token", "key")

    with HTTPServer(("127.0.0.1", 0), Gateway) as server:
        thread = threading.Thread(target=partial(server.serve_forever, 0.01))
        thread.start()
        yield call
        server.shutdown()
        thread.join()


WRITER = ModelSeen(
    name="writer",
    version="1",
    protocol="openai",
    abilities=("generate",),
    servers=(ServerSeen("http://a", "healthy", 3, 32), ServerSeen("http://b", "ejected", 0, 4, 8)),
    waiting=2,
    requests=10,
    failed=1,
    p50=0.0123,
    p95=1.5,
    prices=Prices(0.2, 0.6),
)


def test_each_server_has_a_line_and_each_model_its_numbers_once(listed: Any) -> None:
    lines = listed(ModelsSeen((WRITER,))).out.splitlines()
    assert lines[1].split("  ")[0] == "writer:1"
    assert lines[1].split()[1:] == [
        *("generate", "http://a", "healthy", "3/32", "2", "10", "1", "12.3", "ms"),
        *("1.5e+03", "ms", "0.2", "0.6", "0"),
    ]
    assert lines[2].split() == ["http://b", "ejected,", "8", "s", "0/4"]


def test_what_is_wrong_with_the_file_is_told_beside_the_models_there_are(listed: Any) -> None:
    done = listed(ModelsSeen((WRITER,), "models.toml:1: [x] servers"))
    assert "models.toml:1: [x] servers" in done.err
    assert listed(ModelsSeen((WRITER,))).err == ""
    assert listed(ModelsSeen((WRITER,), "wrong"), "--json").json["problem"] == "wrong"
