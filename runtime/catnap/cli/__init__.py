"""The `catnap` command: thin. It reads settings, asks the gateway and shows
what came back; nothing is decided here."""

from __future__ import annotations

import gc
import sys


def main() -> int:
    """Runs the command line; gives the exit status."""
    argv = sys.argv[1:]
    # An instance's start is a cold start's price: it never meets click.
    if argv[:1] == ["host"]:
        gc.disable()  # as catnap.host does, which ends it
        from catnap.host.main import main as host

        return host(argv[1:])
    # `catnap models --address ...` as well: the images and older scripts say it so.
    if argv[:1] == ["models"] and _serves(argv[1:2]):
        from catnap.models.serving.main import main as models

        return models(argv[2:] if argv[1] == "serve" else argv[1:])
    from catnap.cli.app import run

    return run(argv)


def _serves(first: list[str]) -> bool:
    return first == ["serve"] or (
        bool(first) and first[0].startswith("--") and first[0] != "--help"
    )
