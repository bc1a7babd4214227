"""The model's files, built once from the installed weights and kept.

    <home>/models/minilm-l6-v2/<digest>/model.onnx      the graph
                                        model.weights   what it multiplies with
                                        tokenizer.json

The digest names the weights and the graph's version, so a folder that exists is
complete and never changes. `python -m catnap.models.serving.build HOME` builds ahead of the
first start.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from catnap.models.serving import weights

NAME = "minilm-l6-v2"

GRAPH_VERSION = 1
"""Raised when `graph` or `_write` makes other files of the same weights. It stands here
because a server whose model is built must not import `graph`, and so onnx."""


@dataclass(frozen=True)
class Model:
    """A built model on disk."""

    folder: Path

    @property
    def graph(self) -> Path:
        return self.folder / "model.onnx"

    @property
    def tokenizer(self) -> Path:
        return self.folder / "tokenizer.json"


def location(home: Path) -> Model:
    """Where the model of this version of the code is, once it is built."""
    made_of = f"{weights.WEIGHTS_SHA256} {weights.TOKENIZER_SHA256} {GRAPH_VERSION}"
    digest = hashlib.sha256(made_of.encode()).hexdigest()[:16]
    return Model(home / "models" / NAME / digest)


def ensure(home: Path) -> Model:
    """The model, built if it is not there yet: about two seconds.

    Safe to call from several processes at once: each builds aside, the first to
    finish is kept. Raises weights.WeightsMissing.
    """
    model = location(home)
    if model.folder.is_dir():
        return model
    found = weights.find()
    model.folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".building-", dir=model.folder.parent) as aside:
        built = Model(Path(aside) / "model")
        built.folder.mkdir()
        _write(found, built)
        try:
            built.folder.rename(model.folder)
        except OSError:
            # A folder with something in it is not replaced: another was first.
            if not model.folder.is_dir():
                raise
    return model


def ensure_apart(home: Path) -> Model:
    """`ensure`, in a process of its own where there is something to build.

    Building takes 400 MiB, of which a process that goes on would keep most.
    """
    model = location(home)
    if not model.folder.is_dir():
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:
            apart.submit(ensure, home).result()
    return model


def _write(found: weights.Weights, built: Model) -> None:
    import onnx
    from safetensors.numpy import load_file

    from catnap.models.serving import graph

    # The weights stand outside the graph's file, where the runtime maps what it
    # can: the table of words stays on disk but for the rows in use.
    onnx.save(
        graph.build(load_file(found.tensors)),
        built.graph,
        save_as_external_data=True,
        location="model.weights",
        size_threshold=1024,
    )
    shutil.copyfile(found.tokenizer, built.tokenizer)
    for path in built.folder.iterdir():
        path.chmod(0o644)  # an image may be built by root and run by somebody else
        with path.open("rb") as file:
            os.fsync(file.fileno())


def main(argv: list[str]) -> int:
    if len(argv) != 1:
        sys.stderr.write("usage: python -m catnap.models.serving.build HOME\n")
        return 2
    began = time.monotonic()
    fresh = not location(Path(argv[0])).folder.is_dir()
    try:
        model = ensure(Path(argv[0]))
    except weights.WeightsMissing as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if fresh:
        seconds = time.monotonic() - began
        sys.stdout.write(f"built {NAME} in {seconds:.1f} s: {model.folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
