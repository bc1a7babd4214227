"""Whatever comes in, the server answers with what is wrong, and keeps none of it."""

import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import grpc
import pytest

from catnap.inference import grpc_service_pb2 as oip
from tests.models.serving import graphs

METHOD = "/inference.GRPCInferenceService/ModelInfer"


@pytest.fixture
def process(home, tmp_path):
    graphs.put(graphs.identity(), tmp_path / "same")
    (tmp_path / "models.toml").write_text('[same]\nfolder = "same"\n')
    command = [sys.executable, "-m", "catnap.models", "--threads=1", "--address=127.0.0.1:0"]
    command += [f"--home={home}", f"--models={tmp_path}/models.toml", "--die-with-parent"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def malformed(dice: random.Random) -> bytes:
    """Of everything that may be wrong, and no request that is right."""
    found = oip.ModelInferRequest(model_name=dice.choice(["same", "minilm-l6-v2"]))
    tensor = found.inputs.add(
        name=dice.choice(["x", "text", "", "x" * 200]),
        datatype=dice.choice(["FP32", "BYTES", "INT64", "FP7", "BF16"]),
        shape=[dice.choice([-1, 0, 2, 1 << 40, 1 << 62]) for _ in range(dice.randrange(5))],
    )
    # Seven bytes are no tensor of any of these, and no text after its length.
    found.raw_input_contents.append(dice.randbytes(7))
    how = dice.randrange(4)
    if how == 0:
        tensor.contents.fp32_contents.append(1)
    if how == 1:
        return found.SerializeToString() + b"\x3a\xff\xff\xff\xff\x07"  # claims 2 GiB
    if how == 2:
        return b"\0" + dice.randbytes(40)  # no field has the number 0
    return found.SerializeToString()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_thousands_of_malformed_requests_take_no_memory(process):
    dice = random.Random(5)
    address = process.stdout.readline().split()[1]
    codes = Counter[str]()
    with grpc.insecure_channel(address) as channel:
        ask = channel.unary_unary(METHOD)

        def send(count: int) -> int:
            for _ in range(count):
                try:
                    ask(malformed(dice))
                except grpc.RpcError as error:
                    codes[error.code().name] += 1
            return resident(process.pid)

        before = send(500)
        assert send(1500) - before < 4 << 20
        right = oip.ModelInferRequest(model_name="same", raw_input_contents=[bytes(8)])
        right.inputs.add(name="x", datatype="FP32", shape=[1, 2])
        answer = oip.ModelInferResponse.FromString(ask(right.SerializeToString()))
    assert answer.raw_output_contents == [bytes(8)]
    assert codes == {"INVALID_ARGUMENT": 2000}


def resident(process: int) -> int:
    """Bytes."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
