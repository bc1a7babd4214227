"""Token ids to vectors on ONNX Runtime's CPU."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

Vectors = npt.NDArray[np.float32]

WIDTH = 384
"""Numbers in a vector."""


class Embedder(Protocol):
    """What `embedding` needs of a model; `fake.HashEmbedder` is the tests' one."""

    def run(self, batch: Sequence[Sequence[int]]) -> Vectors:
        """Vectors [len(batch), 384] of texts given as ids. One call at a time."""
        ...


def cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class OnnxEmbedder:
    """A session over the graph that `build` made."""

    def __init__(self, graph: Path, threads: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        # Beyond BASIC the optimizer puts slower operators back; see `graph`.
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
        # The cores are shared with the platform and its skills. Threads that wait by
        # spinning are 4 % faster with nobody beside them and half as fast otherwise;
        # finer blocks let the thread that has a core take more of the work.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.dynamic_block_base", "4")
        self._session = ort.InferenceSession(
            str(graph), options, providers=["CPUExecutionProvider"]
        )

    def run(self, batch: Sequence[Sequence[int]]) -> Vectors:
        ids, mask = pad(batch)
        feed = {"input_ids": ids, "attention_mask": mask}
        vectors: Vectors = self._session.run(["embedding"], feed)[0]
        return vectors


def pad(batch: Sequence[Sequence[int]]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Ids and mask, int32 [len(batch), longest]; padding follows the tokens, both are 0 there."""
    longest = max(map(len, batch), default=0)
    ids = np.zeros((len(batch), longest), np.int32)
    mask = np.zeros_like(ids)
    for row, text in enumerate(batch):
        ids[row, : len(text)] = text
        mask[row, : len(text)] = 1
    return ids, mask
