"""Embedding real text: the model server over gRPC beside a bare ONNX session.

The bare session is the strictest peer there is: the same graph with the same number
of threads, which spin, given ids that cost it nothing, sorted by length, in the
best of several fixed batch sizes. The server reads text, batches, and answers over
gRPC from its own process. Everybody takes turns on slices of the texts, short enough
to fall between other load, and keeps the fastest time for each slice.
"""

from __future__ import annotations

import contextlib
import json
import pydoc_data.topics
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import onnxruntime as ort

from catnap.inference import grpc_service_pb2 as oip
from catnap.inference.grpc_service_pb2_grpc import GRPCInferenceServiceStub
from catnap.models.serving import build
from catnap.models.serving.embedder import cores, pad
from catnap.models.serving.tokenizer import WordPieces

CHUNKS = 96
CHARACTERS = 900
SLICES = 3
SIZES = (1, 2, 4, 8, 16)
ROUNDS = 4
SPIN_DOWN = 0.1
"""Seconds in which the threads of a session that was just used stop spinning."""
HOME = Path(".catnap")
QUESTION = "How do I catch several exceptions at once?"


def main() -> dict[str, Any]:
    model = build.ensure(HOME)
    texts = chunks()
    tokenizer = WordPieces(model.tokenizer)
    session = bare_session(model)
    with server() as (stub, process):
        idle = resident(process)
        fastest = [
            take_turns(stub, session, part, tokenizer.encode(part))
            for part in (texts[first::SLICES] for first in range(SLICES))
        ]
        alone = [ask(stub) for _ in range(20)]
        beside = list(ask_while_indexing(stub, texts))
        after = resident(process)
    took = {side: sum(part[side] for part in fastest) for side in fastest[0]}
    best = min(SIZES, key=lambda size: took[f"bare {size}"])
    return {
        "texts": len(texts),
        "threads": cores(),
        "seconds": {side: round(seconds, 3) for side, seconds in took.items()},
        "bare_best_batch": best,
        "server_to_bare": round(took["server"] / took[f"bare {best}"], 3),
        "question_ms": {
            "alone": round(statistics.median(alone) * 1000, 1),
            "while_indexing": round(statistics.median(beside) * 1000, 1),
            "while_indexing_worst": round(max(beside) * 1000, 1),
        },
        "server_rss_mib": {"idle": idle, "after_indexing": after},
    }


def take_turns(
    stub: GRPCInferenceServiceStub,
    session: ort.InferenceSession,
    texts: list[str],
    ids: list[list[int]],
) -> dict[str, float]:
    """The fastest of each side's rounds over the same texts, in seconds."""
    ids = sorted(ids, key=len, reverse=True)
    sides: dict[str, Callable[[], object]] = {
        f"bare {size}": partial(run_bare, session, ids, size) for size in SIZES
    }
    sides["server"] = partial(stub.ModelInfer, request(texts))
    fastest = dict.fromkeys(sides, float("inf"))
    for _ in range(ROUNDS):
        for side, run in sides.items():
            time.sleep(SPIN_DOWN)
            fastest[side] = min(fastest[side], seconds(run))
    return fastest


def chunks() -> list[str]:
    """The language reference in pieces of about 900 characters, the same on every machine."""
    text = "\n".join(pydoc_data.topics.topics.values())
    starts = range(0, len(text), CHARACTERS)
    return [text[start : start + CHARACTERS] for start in starts][:CHUNKS]


def bare_session(model: build.Model, *, spins: bool = True) -> ort.InferenceSession:
    """spins: what is faster where nobody else wants the cores."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = cores()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.add_session_config_entry("session.intra_op.allow_spinning", "01"[spins])
    return ort.InferenceSession(str(model.graph), options, providers=["CPUExecutionProvider"])


def run_bare(session: ort.InferenceSession, ids: list[list[int]], size: int) -> None:
    for start in range(0, len(ids), size):
        tokens, mask = pad(ids[start : start + size])
        session.run(["embedding"], {"input_ids": tokens, "attention_mask": mask})


@contextlib.contextmanager
def server() -> Iterator[tuple[GRPCInferenceServiceStub, int]]:
    """A stub of a server in a process of its own, and the process's id."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "catnap.models", "--home", str(HOME)]
        command += ["--address", f"unix:{folder}/models.sock", "--die-with-parent"]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin
            assert process.stdout
            address = process.stdout.readline().split()[1]
            with grpc.insecure_channel(address) as channel:
                yield GRPCInferenceServiceStub(channel), process.pid
            process.stdin.close()


def request(texts: list[str], model: str = build.NAME) -> oip.ModelInferRequest:
    tensor = oip.ModelInferRequest.InferInputTensor(
        name="text", datatype="BYTES", shape=[len(texts)]
    )
    elements = [text.encode() for text in texts]
    raw = b"".join(struct.pack("<I", len(element)) + element for element in elements)
    return oip.ModelInferRequest(model_name=model, inputs=[tensor], raw_input_contents=[raw])


def ask(stub: GRPCInferenceServiceStub) -> float:
    return seconds(partial(stub.ModelInfer, request([QUESTION])))


def ask_while_indexing(stub: GRPCInferenceServiceStub, texts: list[str]) -> Iterator[float]:
    indexing = threading.Thread(target=stub.ModelInfer, args=[request(texts)])
    indexing.start()
    while indexing.is_alive():
        yield ask(stub)
        time.sleep(0.05)


def seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def resident(process: int) -> int:
    """Resident memory in MiB."""
    status = Path(f"/proc/{process}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if "VmRSS" in line) // 1024


def table(result: dict[str, Any]) -> str:
    return "\n".join(f"{side:10}{took:8.2f} s" for side, took in result["seconds"].items())


if __name__ == "__main__":
    result = main()
    print(table(result))
    print(json.dumps(result))
