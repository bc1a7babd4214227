"""Which strings are media types, and what they say."""

from __future__ import annotations

import tracemalloc

import pytest

from catnap.events.media_types import charset, is_json, is_media_type


@pytest.mark.parametrize(
    "text",
    [
        *("a/b", "application/vnd.api+json", "text/plain;charset=utf-8", "text/plain ; a=b ;c=d"),
        *('a/b;c="d;e=\\"f"', "a/b;", "a/b;;c=d", "a/b; ", "A/B; C=D"),
    ],
)
def test_a_media_type_is_a_type_a_subtype_and_parameters(text):
    assert is_media_type(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "a", "a/", "/b", "a/b/c", " a/b", "a /b", "a/b c", "a/b, c/d", "é/b", "a/b;c"),
        *(
            "a/b;c=",
            "a/b;=d",
            "a/b;c = d",
            'a/b;c="d',
            'a/b;c="d"e',
            "a/b;c=é",
            "a/b;c=d\n",
            "a/b\t",
        ),
    ],
)
def test_what_is_something_else_is_no_media_type(text):
    assert not is_media_type(text)


def test_a_long_text_is_not_kept_when_it_was_looked_at():
    tracemalloc.start()
    try:
        for n in range(20):
            assert is_media_type(f"a/b;c={n}" + "d" * 500_000)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 1_000_000


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("text/plain", ""),
        ("text/plain;charset=UTF-8", "utf-8"),
        ('text/plain; x="a;charset=no" ; CharSet="Latin1"', "latin1"),
        ("text/plain;xcharset=no", ""),
        ("text/plain;\tcharset=latin1", "latin1"),
    ],
)
def test_the_charset_is_the_parameter_of_that_name(text, value):
    assert charset(text) == value


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        (None, False),
        ("application/json", True),
        ("Text/JSON ; a=b", True),
        ("application/problem+json", True),
        ("application/jsonl", False),
        ("json/text", False),
        ("text/plain;a=b/json", False),
    ],
)
def test_json_is_told_by_the_subtype(text, holds):
    assert is_json(text) is holds
