"""A text ends before what stops it, however it is cut into pieces."""

import itertools
import random

import pytest

from catnap.models.serving.stops import Stops


@pytest.mark.parametrize(
    ("stops", "text", "kept"),
    [
        (["END"], "before END after", "before "),
        (["END"], "E EN ENE END", "E EN ENE "),
        (["aab"], "aaab", "a"),
        (["long stop", "stop"], "a long stop", "a "),
        (["x", "yz"], "ayz x", "a"),
        (["END"], "no EN", "no EN"),
        ([], "END", "END"),
        (["END"], "END", ""),
    ],
)
def test_whatever_the_pieces(stops, text, kept):
    for seed in range(50):
        dice = random.Random(seed)
        cuts = [0, *sorted(dice.sample(range(1, len(text)), dice.randrange(len(text)))), len(text)]
        pieces = [text[start:end] for start, end in itertools.pairwise(cuts)]
        assert _said(Stops(stops), pieces) == kept


def _said(found, pieces):
    said = ""
    for piece in pieces:
        said += found.feed(piece)
        if found.stopped:
            return said
    return said + found.end()


def test_only_what_may_begin_a_stop_is_held_back():
    stops = Stops(["END"])
    assert stops.feed("a text E") == "a text "
    assert stops.feed("x") == "Ex"
