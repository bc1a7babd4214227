"""Which kind of model a table of models.toml is, and how it is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from catnap.errors import CatnapError, InvalidRequest
from catnap.models.rules import BUILT_IN
from catnap.models.serving import build, folder
from catnap.models.serving.batcher import Limits
from catnap.models.serving.embedder import OnnxEmbedder
from catnap.models.serving.embedding import Embedding
from catnap.models.serving.genai import Language
from catnap.models.serving.generation import Generation
from catnap.models.serving.onnx_model import OnnxModel
from catnap.models.serving.repository import Load
from catnap.models.serving.served import Served
from catnap.models.serving.tokenizer import WordPieces
from catnap.models.settings import Batch, Model


def limits(threads: int) -> Limits:
    """The shape of a batch of MiniLM's for this many threads.

    Measured on MiniLM: past 256 tokens a thread, larger batches are no faster and
    only let the next request wait; a run costs about what 32 tokens cost.
    """
    return Limits(area=256 * threads, padding=32)


def loader(home: Path, threads: int) -> Load:
    """home: of the built models. threads: of one run."""
    return partial(_load, home, threads)


def _load(home: Path, threads: int, name: str, model: Model) -> Mapping[str, Served]:
    if name == BUILT_IN and not model.folder:
        if model.device != "cpu" or model.batch != Batch():
            raise InvalidRequest(
                "it runs on the processor, in batches by tokens: leave device and batch out"
            )
        return {"1": minilm(home, threads)}
    found = dict[str, Served]()
    for version, path in folder.versions(Path(model.folder)).items():
        try:
            found[version] = _version(name, path, model, threads)
        except CatnapError as error:
            raise type(error)(f"version {version}: {error.message}") from None
    return found


def _version(name: str, path: Path, model: Model, threads: int) -> Served:
    if folder.kind(path) == "generation":
        language = Language(path, model.device, threads)
        return Generation(name, language, model.device, model.batch.size)
    return OnnxModel(name, path / folder.GRAPH, model, threads)


def minilm(home: Path, threads: int) -> Embedding:
    """Built under `home` first where it is missing. Raises weights.WeightsMissing."""
    built = build.ensure_apart(home)
    embedder = OnnxEmbedder(built.graph, threads)
    embedder.run([[101, 102]])
    return Embedding(BUILT_IN, WordPieces(built.tokenizer), embedder, limits(threads))
