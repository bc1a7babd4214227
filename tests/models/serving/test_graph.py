import itertools
import pydoc_data.topics

import numpy as np
import pytest

from catnap.models.serving import weights
from catnap.models.serving.build import Model
from catnap.models.serving.embedder import OnnxEmbedder
from catnap.models.serving.tokenizer import WordPieces
from tests.models.serving.reference import Reference

LENGTHS = [1, 2, 3, 5, 8, 13, 16, 17, 31, 32, 47, 64, 90, 127, 128, 150, 199, 240, 255, 256]


@pytest.fixture(scope="module")
def texts(model: Model) -> list[list[int]]:
    """The ids of 20 real texts, each cut to its length of LENGTHS."""
    long = (topic for topic in pydoc_data.topics.topics.values() if len(topic) > 3000)
    read = WordPieces(model.tokenizer).encode(list(itertools.islice(long, len(LENGTHS))))
    return [ids[:length] for ids, length in zip(read, LENGTHS, strict=True)]


@pytest.fixture(scope="module")
def expected(texts: list[list[int]]) -> np.ndarray:
    reference = Reference(weights.find().tensors)
    return np.stack([reference.embed(ids) for ids in texts])


@pytest.fixture(scope="module")
def embedder(model: Model) -> OnnxEmbedder:
    return OnnxEmbedder(model.graph, threads=2)


def test_texts_alone_are_embedded_as_by_the_reference(embedder, texts, expected):
    found = np.concatenate([embedder.run([ids]) for ids in texts])
    assert_close(found, expected)


@pytest.mark.parametrize("rows", [2, 7, 20])
def test_padding_beside_longer_texts_changes_no_vector(embedder, texts, expected, rows):
    mixed = np.random.default_rng(rows).permutation(len(texts))
    for start in range(0, len(mixed), rows):
        places = mixed[start : start + rows]
        assert_close(embedder.run([texts[place] for place in places]), expected[places])


def assert_close(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.dtype == np.float32
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)
    assert (found * expected).sum(axis=1).min() >= 0.9999
    assert np.abs(found - expected).max() < 1e-4
