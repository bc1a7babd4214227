"""The process `catnap models`: arguments, signals, and an end with its parent."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import threading
from pathlib import Path

from catnap.models.serving import server
from catnap.models.serving.weights import WeightsMissing

_PR_SET_PDEATHSIG = 1
_HELP = """\
Runs the model server: embeddings over the Open Inference Protocol, for all
skills together. `catnap serve` starts one by itself; start one alone to give
models to something else.

  catnap models --address 127.0.0.1:9001
  catnap models --address unix:/tmp/models.sock --threads 2

Prints `ready ADDRESS` once it answers; SIGTERM lets it finish and ends it.
`make setup` builds the model that it serves."""


def main(argv: list[str]) -> int:
    """Serve until SIGTERM or SIGINT, then drain; 0, or 1 when it could not serve.

    Prints one line once calls are answered: `ready <address>`.
    """
    arguments = _parser().parse_args(argv)
    try:
        asyncio.run(_serve(arguments))
    except (OSError, WeightsMissing) as error:
        sys.stderr.write(f"catnap models: {error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "catnap models",
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
    await server.run(arguments.address, arguments.home, arguments.threads, _say_ready, stop)


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
