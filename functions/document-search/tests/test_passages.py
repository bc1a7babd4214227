from itertools import pairwise

import pytest
from passages import OVERLAP, SIZE, passages

PROSE = "\n\n".join(
    f"Paragraph {n} begins. " + " ".join(f"Sentence {m} of {n} is here." for m in range(n * 3))
    for n in range(25)
)
ODD = [
    "",
    " \n\n ",
    "x" * 5000,
    "word " * 999,
    "\n" * 9999,
    "x\n" * 2000,
    ". " * 3000,
    "é。" * 2000,
]


@pytest.mark.parametrize("text", [PROSE, *ODD])
def test_passages_hold_all_that_is_not_white_space(text: str) -> None:
    covered = [False] * len(text)
    last = -1
    for start, end in passages(text):
        assert last < start < end <= start + SIZE
        assert text[start:end].strip()
        covered[start:end] = [True] * (end - start)
        last = start
    assert all(seen or letter.isspace() for seen, letter in zip(covered, text, strict=True))


def test_neighbours_share_a_little_within_a_paragraph_and_nothing_across() -> None:
    spans = list(passages(" ".join(f"This is sentence {n}." for n in range(200))))
    shared = [end - start for (_, end), (start, _) in pairwise(spans)]
    assert all(0 < each <= OVERLAP for each in shared)
    spans = list(passages("\n\n".join("A paragraph of its own. " * 20 for _ in range(9))))
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


def test_a_passage_begins_with_its_heading() -> None:
    body = "It says things that matter. " * 18
    text = f"{body}\n\n## Second part\n\n{body}\n\nThird part\n==========\n\n{body}"
    begins = [text[start : start + 12] for start, _ in passages(text)]
    assert begins == ["It says thin", "## Second pa", "Third part\n="]


def test_a_short_text_is_one_passage_and_a_scrap_is_never_left() -> None:
    assert list(passages("  Short.  ")) == [(2, 8)]
    lengths = [end - start for start, end in passages("One sentence. " * 70)]
    assert len(lengths) == 2
    assert min(lengths) > 300
