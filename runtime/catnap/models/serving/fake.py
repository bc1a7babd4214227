"""A model in memory: fast, deterministic and without weights, for tests and dry runs."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from catnap.models.serving.embedder import WIDTH, Vectors
from catnap.models.serving.tokenizer import MAX_TOKENS


class WordTokenizer:
    """One id a word, between the ids of [CLS] and [SEP]."""

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        return [
            [101, *(zlib.crc32(word.encode()) % 30_000 for word in words[: MAX_TOKENS - 2]), 102]
            for words in map(str.split, texts)
        ]


class HashEmbedder:
    """A vector that depends on the ids of its text alone, not on its batch."""

    def run(self, batch: Sequence[Sequence[int]]) -> Vectors:
        vectors = np.zeros((len(batch), WIDTH), np.float32)
        for row, ids in enumerate(batch):
            seed = zlib.crc32(np.asarray(ids, np.int32).tobytes())
            vectors[row] = np.random.default_rng(seed).standard_normal(WIDTH)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors
