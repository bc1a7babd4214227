"""Which events a trigger's filters let through."""

import pytest

from catnap.errors import InvalidRequest
from catnap.events import Event, matches
from catnap.events.filters import check

EVENT = Event(
    id="1", source="/files/a", type="catnap.file.created", subject="notes.md", extensions={"x": "y"}
)


@pytest.mark.parametrize(
    ("one", "holds"),
    [
        ({"exact": {"type": "catnap.file.created"}}, True),
        ({"exact": {"type": "catnap.file"}}, False),
        ({"exact": {"type": "catnap.file.created", "x": "z"}}, False),
        ({"exact": {"specversion": "1.0"}}, True),
        ({"prefix": {"type": "catnap.", "x": "y"}}, True),
        ({"suffix": {"subject": ".md"}}, True),
        ({"suffix": {"subject": ".MD"}}, False),
        ({"exact": {"absent": "y"}}, False),
        ({"not": {"exact": {"absent": "y"}}}, True),
        ({"all": [{"prefix": {"type": "catnap"}}, {"suffix": {"subject": ".txt"}}]}, False),
        ({"any": [{"prefix": {"type": "nap"}}, {"suffix": {"subject": ".md"}}]}, True),
        ({"not": {"any": [{"exact": {"x": "y"}}]}}, False),
    ],
)
def test_each_dialect(one, holds):
    check(one, "filters[0]")
    assert matches([one], EVENT) is holds


def test_no_filters_let_everything_through_and_several_must_all_hold():
    assert matches([], EVENT)
    assert not matches([{"exact": {"x": "y"}}, {"exact": {"x": "z"}}], EVENT)


@pytest.mark.parametrize(
    ("one", "names"),
    [
        ({}, "filters: a filter is a table with exactly one dialect"),
        ("exact", "filters: a filter is a table"),
        ({"exact": {"a": "b"}, "prefix": {"a": "b"}}, "exactly one dialect"),
        ({"sql": "a = b"}, "'sql' is no dialect; there are exact"),
        ({"exact": {}}, r"filters\.exact: needs attribute = value"),
        ({"exact": {"type": ""}}, r"filters\.exact\.type: needs a non-empty string"),
        ({"exact": {"Type": "x"}}, r"filters\.exact: .*'Type'"),
        ({"all": []}, r"filters\.all: needs a list of filters"),
        ({"any": [{"exact": {"a": "b"}}, {"x": 1}]}, r"filters\.any\[1\]: 'x' is no dialect"),
        ({"not": []}, r"filters\.not: a filter is a table"),
    ],
)
def test_what_is_no_filter_is_refused_with_its_place(one, names):
    with pytest.raises(InvalidRequest, match=names):
        check(one, "filters")
