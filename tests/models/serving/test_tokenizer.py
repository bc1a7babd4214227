import pydoc_data.topics

import pytest
import tokenizers

from catnap.models.serving.build import Model
from catnap.models.serving.tokenizer import MAX_TOKENS, WordPieces


@pytest.fixture(scope="module")
def pieces(model: Model) -> WordPieces:
    return WordPieces(model.tokenizer)


@pytest.fixture(scope="module")
def library(model: Model) -> tokenizers.Tokenizer:
    """The library's own way to cut a text."""
    tokenizer = tokenizers.Tokenizer.from_file(str(model.tokenizer))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "Ünïcödé, 漢字 and \N{PILE OF POO}",
        "\0\0\0",
        "word " * 253,
        "word " * 254,
        "word " * 255,
        "x" * 5000,
        " " * 9000 + "an end",
        "a" * 4090 + "bcdefghij klm " * 400,
        "1" * 200_000,
        "e\N{COMBINING ACUTE ACCENT}" * 3000,
    ],
)
def test_a_text_is_cut_where_the_library_cuts_it(pieces, library, text):
    assert pieces.encode([text]) == [library.encode(text).ids]


def test_texts_of_a_batch_are_read_as_each_alone(pieces, library):
    texts = list(pydoc_data.topics.topics.values())
    assert pieces.encode(texts) == [library.encode(text).ids for text in texts]


def test_a_question_is_read_as_published(pieces):
    assert pieces.encode(["hello world"]) == [[101, 7592, 2088, 102]]
