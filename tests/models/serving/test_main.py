import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from catnap.inference import grpc_service_pb2 as oip
from catnap.inference.grpc_service_pb2_grpc import GRPCInferenceServiceStub
from catnap.models.serving import build, main, weights
from tests.models.serving import graphs


def start(home: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "catnap.models", "--home", str(home), "--threads=1", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(params=["127.0.0.1:0", "unix:{folder}/models.sock"], ids=["tcp", "unix"])
def process(
    request: pytest.FixtureRequest, home: Path, tmp_path: Path
) -> Iterator[subprocess.Popen[str]]:
    address = request.param.format(folder=tmp_path)
    with start(home, "--die-with-parent", "--address", address) as process:
        yield process
        process.kill()


def test_it_says_where_it_is_ready_answers_there_and_ends_with_0_on_sigterm(process):
    word, address = process.stdout.readline().split()
    assert word == "ready"
    with grpc.insecure_channel(address) as channel:
        answer = GRPCInferenceServiceStub(channel).ModelReady(
            oip.ModelReadyRequest(name="minilm-l6-v2")
        )
        assert answer.ready
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 0
    assert process.stdout.read() == ""


def test_it_ends_when_its_parent_closes_its_input(process):
    process.stdout.readline()
    process.stdin.close()
    assert process.wait() == 0


def test_an_address_in_use_is_one_line_and_status_1(home, capfd):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert main.main(["--address", address, "--home", str(home)]) == 1
    assert f"catnap models: cannot listen on {address}" in capfd.readouterr().err


def test_missing_weights_are_one_line_and_status_1(tmp_path, monkeypatch, capsys):
    def missing(home):
        raise weights.WeightsMissing("MiniLM's weights are not installed: run this")

    monkeypatch.setattr(build, "ensure_apart", missing)
    assert main.main(["--address", "127.0.0.1:0", "--home", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        "catnap models: MiniLM's weights are not installed: run this\n"
    )


def test_a_models_toml_that_changes_is_taken_up(home, tmp_path):
    graphs.put(graphs.identity(), tmp_path / "same")
    file = tmp_path / "models.toml"
    file.write_text("")
    with start(home, "--address=127.0.0.1:0", f"--models={file}", "--die-with-parent") as process:
        _, address = process.stdout.readline().split()
        with grpc.insecure_channel(address) as channel:
            stub = GRPCInferenceServiceStub(channel)
            asked = oip.ModelReadyRequest(name="same")
            assert not stub.ModelReady(asked).ready
            file.write_text('[same]\nfolder = "same"\n')
            while not stub.ModelReady(asked).ready:
                assert process.poll() is None
        process.stdin.close()
        assert process.wait() == 0
