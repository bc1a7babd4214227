"""The process `catnap models`: arguments, signals, and an end with its parent."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path

from catnap.errors import CatnapError
from catnap.models.file import read
from catnap.models.malloc import keep_blocks
from catnap.models.own import complete, served
from catnap.models.serving import server
from catnap.models.serving.embedder import cores
from catnap.models.serving.kinds import loader
from catnap.models.serving.repository import Repository
from catnap.models.serving.weights import WeightsMissing
from catnap.models.settings import Model, Models
from catnap.models.watched import Watched
from catnap.traces.file import traced

_FILE = "models.toml"
_log = logging.getLogger(__name__)
_PR_SET_PDEATHSIG = 1
_HELP = """\
Runs the model server: for all skills together, over the Open Inference Protocol.
`catnap serve` starts one by itself; start one alone to give models to something
else, or to have one for each GPU.

  catnap models serve --address 127.0.0.1:9001
  catnap models serve --address unix:/tmp/models.sock --threads 2
  CUDA_VISIBLE_DEVICES=1 catnap models serve --models gpu1.toml --address :9002

It has minilm-l6-v2, which embeds text and which `make setup` builds, and every
model of models.toml with a folder:

  [ranker]
  folder = "models/ranker"       # model.onnx, or versions: 1/model.onnx, 2/model.onnx
  device = "cuda"                # needs onnxruntime-gpu in place of onnxruntime

  [ranker.batch]
  size = 64                      # rows of one run at most
  delay = "2ms"                  # that the first of a run waits for others
  buckets = [64, 256]
  pad = { input_ids = 0, attention_mask = 0 }

  [writer]                       # genai_config.json: it generates text, and
  folder = "models/writer"       # needs onnxruntime-genai

A request that names no version has the latest. Requests of one shape run
together where the first dimension of all tensors is free, and where two rows have
given the same together as alone; `size = 1` runs each by itself. `pad` fills
inputs up to the next bucket in their second dimension, so that those of other
lengths run together too; answers are cut back. Texts that are generated take
turns, `size` of them at once. Each model is warm before it is ready. A changed
models.toml is taken up, and a changed folder by RepositoryModelLoad.

Prints `ready ADDRESS` once it answers; SIGTERM lets it finish and ends it.
"""


def main(argv: list[str]) -> int:
    """Serve until SIGTERM or SIGINT, then drain; 0, or 1 when it could not serve.

    Prints one line once calls are answered: `ready <address>`.
    """
    arguments = _parser().parse_args(argv)
    keep_blocks()
    try:
        asyncio.run(_serve(arguments))
    except (OSError, WeightsMissing, CatnapError) as error:
        sys.stderr.write(f"catnap models: {error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "catnap models serve",
        description=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--address",
        default="127.0.0.1:9001",
        help="host:port, port 0 for a free one, or unix:/path (default: %(default)s)",
    )
    parser.add_argument(
        "--home",
        type=Path,
        default=Path(".catnap"),
        help="folder of the built models (default: %(default)s)",
    )
    parser.add_argument(
        "--models",
        type=Path,
        metavar="FILE",
        default=Path(_FILE) if Path(_FILE).is_file() else None,
        help=f"which models there are (default: {_FILE}, where there is one)",
    )
    parser.add_argument(
        "--traces",
        type=Path,
        metavar="FILE",
        default=os.environ.get("CATNAP_TRACES"),
        help="where spans of requests are added, as OTLP JSON (default: nowhere)",
    )
    parser.add_argument("--threads", type=int, help="threads of one run (default: all cores)")
    parser.add_argument(
        "--die-with-parent",
        action="store_true",
        help="drain when the parent ends, or when it closes our standard input",
    )
    return parser


async def _serve(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if arguments.die_with_parent:
        _die_with_parent(stop, loop)
    load = loader(arguments.home, arguments.threads or cores())
    repository = Repository(partial(_models, arguments.models), load)
    with traced(arguments.traces, "catnap-models") as tracer:
        try:
            await repository.start()
            async with _following(arguments.models, repository):
                await server.serve(arguments.address, repository, _say_ready, stop, tracer)
        finally:
            await repository.close()


def _models(path: Path | None) -> Mapping[str, Model]:
    return _ours(read(path) if path else Models())


def _ours(config: Models) -> Mapping[str, Model]:
    """Those that have a folder, and the one that is always there."""
    return dict(served(complete(config)))


@contextlib.asynccontextmanager
async def _following(path: Path | None, repository: Repository) -> AsyncIterator[None]:
    """A file that changes is taken up."""
    if path is None:
        yield
        return

    async def take_up(config: Models) -> None:
        await repository.take_up(_ours(config))

    file = Watched(path, lambda line: _log.warning("%s", line))
    file.first()
    watching = asyncio.create_task(file.run(take_up))
    try:
        yield
    finally:
        watching.cancel()


def _say_ready(address: str) -> None:
    sys.stdout.write(f"ready {address}\n")
    sys.stdout.flush()


def _die_with_parent(stop: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    def wait_for_end_of_input() -> None:
        # read, not sys.stdin: a daemon thread holding its lock would abort our exit.
        while os.read(0, 4096):
            pass
        with contextlib.suppress(RuntimeError):  # the signal was faster: the loop has ended
            loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait_for_end_of_input, daemon=True).start()
