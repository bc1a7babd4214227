"""document-search on the language reference: indexing beside the bare ONNX session, cold, warm.

The bare session is given the very chunks that the skill made, tokenised and
sorted by length, in the best of several fixed batches: no platform at all.
"""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.embedding import SIZES, SPIN_DOWN, bare_session, run_bare, seconds
from catnap.client import Client
from catnap.models.serving import build
from catnap.models.serving.tokenizer import WordPieces
from tests.platform.running import ROOT, Running
from tests.questions import QUESTIONS
from tests.topics import put_topics, wait_for_index

ROUNDS = 3
WARM = 100


def main() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        home.chmod(0o700)
        platform = Running(home, ROOT / "functions")
        try:
            with platform.client() as client:
                index = [_index(client, "user-0")]
                bare = _Bare(_texts(client, folder), home)
                for number in range(1, ROUNDS):
                    bare.run()
                    index.append(_index(client, f"user-{number}"))
                bare.run()
                right = sum(
                    bool(topics & {Path(p["file"]).stem for p in _passages(client, question)[:3]})
                    for question, topics in QUESTIONS
                )
                warm = [_ask(client, n) for n in range(WARM)]
        finally:
            platform.stop()
        platform.start()
        try:
            with platform.client() as client:
                cold, parts = _cold(client, QUESTIONS[0][0])
                again, parts_again = _cold_again(client, QUESTIONS[0][0])
        finally:
            platform.stop()
    return {
        "right_of_20": right,
        "passages": len(bare.ids),
        "index_s": [round(seconds, 2) for seconds in index],
        "bare_s": [round(seconds, 2) for seconds in bare.took],
        "bare_batch": bare.size,
        "index_to_bare": round(min(index) / min(bare.took), 3),
        "cold_ms": round(cold, 1),
        "cold_parts_ms": parts,
        "cold_warm_zygote_ms": round(again, 1),
        "cold_warm_zygote_parts_ms": parts_again,
        "warm_ms_p50": round(statistics.median(warm), 2),
    }


def _cold(client: Client, question: str) -> tuple[float, dict[str, float]]:
    began = time.perf_counter()
    answer = client.invoke("document-search", {"question": question}, user="user-0")
    took = (time.perf_counter() - began) * 1000
    assert "start" in answer.timings
    return took, {name: round(ms, 1) for name, ms in answer.timings.items()}


def _cold_again(client: Client, question: str) -> tuple[float, dict[str, float]]:
    """From zero while the zygote of the skill's environment is still there."""
    while client.skills.get("document-search").instances:
        time.sleep(0.5)
    return _cold(client, question)


def _index(client: Client, user: str) -> float:
    """Seconds from the first file to an index that has them all."""
    began = time.perf_counter()
    put_topics(client, user)
    wait_for_index(client, user)
    return time.perf_counter() - began


def _texts(client: Client, folder: str) -> list[str]:
    """The texts that were embedded, read out of the index file."""
    path = Path(folder) / "index.db"
    [key] = [f.key for f in client.files.list(".catnap/", user="user-0") if f.key.endswith("index")]
    path.write_bytes(client.files.get(key, user="user-0").read())
    with sqlite3.connect(path) as index:
        return [text for (text,) in index.execute("SELECT DISTINCT text FROM passages")]


class _Bare:
    """The session alone, in the batch size that was fastest on a sample."""

    def __init__(self, texts: list[str], home: Path) -> None:
        model = build.ensure(home)
        self.ids = sorted(WordPieces(model.tokenizer).encode(texts), key=len, reverse=True)
        self.took: list[float] = []
        self._session = bare_session(model)
        sample = self.ids[:: max(1, len(self.ids) // 64)]
        self.size = min(SIZES, key=lambda size: min(self._time(sample, size) for _ in range(3)))

    def run(self) -> None:
        time.sleep(SPIN_DOWN)
        self.took.append(self._time(self.ids, self.size))
        time.sleep(SPIN_DOWN)

    def _time(self, ids: list[list[int]], size: int) -> float:
        return seconds(lambda: run_bare(self._session, ids, size))


def _passages(client: Client, question: str) -> list[dict[str, Any]]:
    answer = client.invoke("document-search", {"question": question}, user="user-0")
    passages: list[dict[str, Any]] = answer.json()["passages"]
    return passages


def _ask(client: Client, number: int) -> float:
    began = time.perf_counter()
    _passages(client, QUESTIONS[number % len(QUESTIONS)][0])
    return (time.perf_counter() - began) * 1000


def table(result: dict[str, Any]) -> str:
    def parts(name: str) -> str:
        return "  ".join(f"{part} {ms}" for part, ms in result[name].items())

    return (
        f"questions         {result['right_of_20']} of 20 have a right topic among the first 3\n"
        f"index, s          {min(result['index_s'])} for {result['passages']} passages\n"
        f"  bare session    {min(result['bare_s'])}   ours / bare {result['index_to_bare']}\n"
        f"cold answer, ms   {result['cold_ms']}   ({parts('cold_parts_ms')})\n"
        f"  zygote warm     {result['cold_warm_zygote_ms']}   "
        f"({parts('cold_warm_zygote_parts_ms')})\n"
        f"warm answer, ms   p50 {result['warm_ms_p50']}"
    )
