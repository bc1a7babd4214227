"""Short texts that many ask for at once: through the gateway, with batches and
without, and beside ONNX Runtime in process, which is given them as ids and in the
best fixed batch. They take turns in short rounds and have all cores.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import onnxruntime as ort

from bench import processes
from bench.embedding import HOME, bare_session, request, run_bare
from bench.environments import ROOT
from bench.models_load import Client
from bench.models_relay import Place
from catnap.models.rules import BUILT_IN
from catnap.models.serving import build
from catnap.models.serving.tokenizer import WordPieces

BATCHED, UNBATCHED, SESSION = "gateway", "gateway, no batches", "ONNX session"
SINGLE = "unbatched"
"""The model without batches, as models.toml has it."""

TOKENS, TEXTS, INFLIGHT = 16, 192, 64
SIZES = (8, 16, 32, 64)
SECONDS, ROUNDS = 1.0, 12

_WORDS = "the sea is cold but we like to swim there at night in june".split()  # noqa: SIM905


def measure(gateway: Place, unbatched: Place) -> dict[str, dict[str, float]]:
    """Texts a second, and CPU of each in all processes but who asks: medians of the rounds."""
    model = build.ensure(HOME)
    texts = _texts()
    ids = WordPieces(model.tokenizer).encode(texts)
    assert {len(each) for each in ids} == {TOKENS}
    sessions = {
        SESSION: bare_session(model),
        f"{SESSION} that does not spin": bare_session(model, spins=False),
    }
    seen: dict[str, list[tuple[float, float]]] = {}
    for number in range(ROUNDS):
        print(f"  round {number + 1} of {ROUNDS}, texts", flush=True)
        for name, model_name, spent in (
            (BATCHED, BUILT_IN, lambda: processes.cpu(gateway.pid)),
            (UNBATCHED, SINGLE, lambda: processes.cpu(gateway.pid) + processes.cpu(unbatched.pid)),
        ):
            asking = partial(_ask, gateway, model_name, texts)
            seen.setdefault(name, []).append(_round(asking, spent))
        for (name, session), size in itertools.product(sessions.items(), SIZES):
            running = partial(_run, session, ids, size)
            found = _round(running, time.process_time)
            seen.setdefault(f"{name}, {size} at a time", []).append(found)
    return {name: _medians(rounds) for name, rounds in seen.items()}


def _round(work: Callable[[], int], spent: Callable[[], float]) -> tuple[float, float]:
    """Texts a second, and milliseconds of CPU of each."""
    before, began = spent(), time.perf_counter()
    count = work()
    taken = time.perf_counter() - began
    return count / taken, (spent() - before) * 1000 / count


def _medians(rounds: list[tuple[float, float]]) -> dict[str, float]:
    rate, cpu = (statistics.median(each) for each in zip(*rounds, strict=True))
    return {"rate": round(rate, 1), "cpu_ms": round(cpu, 2)}


def _ask(gateway: Place, model: str, texts: list[str]) -> int:
    requests = [request([text], model).SerializeToString() for text in texts]

    async def asked() -> int:
        async with Client(gateway.address, gateway.key) as client:
            found = await client.infer(*requests, inflight=INFLIGHT, seconds=SECONDS)
        return found.count

    return asyncio.run(asked())


def _run(session: ort.InferenceSession, ids: list[list[int]], size: int) -> int:
    run_bare(session, ids, size)
    return len(ids)


def _texts() -> list[str]:
    """Of words that are a token each, between the two that begin and end a text."""
    chance = random.Random(16)
    return [" ".join(chance.choices(_WORDS, k=TOKENS - 2)) for _ in range(TEXTS)]


@contextmanager
def unbatched() -> Iterator[Place]:
    """Our model server as it would be if it had no batches."""
    command = [sys.executable, "-m", "bench.peers.unbatched", "--home", str(HOME)]
    command += ["--address", "127.0.0.1:0", "--die-with-parent"]
    paths = f"{ROOT}:{ROOT / 'runtime'}"
    with subprocess.Popen(
        command,
        env={"PYTHONPATH": paths, "PATH": "", "HOME": str(Path.home())},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield Place(process.pid, process.stdout.readline().split()[1])
        finally:
            process.stdin.close()
