"""Which strings are URI references, and which are absolute URIs."""

from __future__ import annotations

import pytest

from catnap.events.uris import is_absolute, is_reference


@pytest.mark.parametrize(
    "text",
    [
        *("", "/", "//", "?q?", "#", "a", "a//b", "//a//b", "./1:b", "/a:b", "a/b:c", "/;:@&=+$,"),
        *("a:", "a+1.b-c:d", "a:////", "urn:x:%C3%A9", "mailto:a@b.c", "http://u:p@h:80/?a/b#c?d"),
        *("//%41b", "//h:", "///a", "file:///a", "tel:+1-816-555-1212"),
        *("//[::]", "//[::1]:80/", "//[1:2:3:4:5:6:7:8]", "//[1:2:3:4:5:6:7::]", "//[1::8]"),
        *("//[::ffff:192.0.2.1]", "//[1:2:3:4:5:6:255.255.255.255]", "//[v1F.a:b]"),
    ],
)
def test_a_reference_keeps_the_grammar(text):
    assert is_reference(text)


@pytest.mark.parametrize(
    "text",
    [
        *("1:b", ":", "a b", "a\n", "é", "a#b#c", "%", "%4", "%g0", "a[b]", "^", '"', "<a>", "\\"),
        *("//u@h@x", "//h:80x", "//h:8:9", "//[::1", "//::1]", "//[::1]x", "//[]", "//[1.2.3.4]"),
        *("//[fe80::1%25en0]", "//[1::2::3]", "//[1:2:3:4:5:6:7]", "//[1:2:3:4:5:6:7:8:9]"),
        *("//[1::2:3:4:5:6:7:8]", "//[12345::]", "//[::256.1.1.1]", "//[::01.2.3.4]", "//[v.a]"),
    ],
)
def test_what_breaks_the_grammar_is_no_reference(text):
    assert not is_reference(text)


def test_a_long_one_takes_no_longer_for_being_wrong():
    assert not is_reference("/" + "a%20" * 100_000 + " ")


@pytest.mark.parametrize(
    ("text", "holds"),
    [("a:", True), ("http://h/?q", True), ("http://h/#f", False), ("//h", False), ("a b:", False)],
)
def test_an_absolute_one_has_a_scheme_and_no_fragment(text, holds):
    assert is_absolute(text) is holds
