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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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


def measure(gateway: Place) -> dict[str, Any]:
    """Texts a second: medians of the rounds."""
    model = build.ensure(HOME)
    tokenizer = WordPieces(model.tokenizer)
    texts = _texts()
    ids = tokenizer.encode(texts)
    assert {len(each) for each in ids} == {TOKENS}
    sessions = {
        SESSION: bare_session(model),
        f"{SESSION} that does not spin": bare_session(model, spins=False),
    }
    seen: dict[str, list[float]] = {}
    for number in range(ROUNDS):
        print(f"  round {number + 1} of {ROUNDS}, texts", flush=True)
        for name, model_name in ((BATCHED, BUILT_IN), (UNBATCHED, SINGLE)):
            seen.setdefault(name, []).append(asyncio.run(_asked(gateway, model_name, texts)))
        for (name, session), size in itertools.product(sessions.items(), SIZES):
            began = time.perf_counter()
            run_bare(session, ids, size)
            rate = TEXTS / (time.perf_counter() - began)
            seen.setdefault(f"{name}, {size} at a time", []).append(rate)
    return {name: round(statistics.median(rates), 1) for name, rates in seen.items()}


async def _asked(gateway: Place, model: str, texts: list[str]) -> float:
    requests = [request([text], model).SerializeToString() for text in texts]
    async with Client(gateway.address, gateway.key) as client:
        await client.infer(*requests, inflight=INFLIGHT, seconds=SECONDS / 2)
        found = await client.infer(*requests, inflight=INFLIGHT, seconds=SECONDS)
    return found.count / found.seconds


def _texts() -> list[str]:
    """Of words that are a token each, between the two that begin and end a text."""
    chance = random.Random(16)
    return [" ".join(chance.choices(_WORDS, k=TOKENS - 2)) for _ in range(TEXTS)]


@contextmanager
def unbatched() -> Iterator[str]:
    """The address of our model server as it would be if it had no batches."""
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
            yield process.stdout.readline().split()[1]
        finally:
            process.stdin.close()
