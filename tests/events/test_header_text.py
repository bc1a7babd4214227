"""Header text: what it stands for, and what stands for nothing."""

from __future__ import annotations

import pytest

from catnap.errors import InvalidRequest
from catnap.events import decode

CORE = {b"ce-specversion": b"1.0", b"ce-id": b"1", b"ce-source": b"/s", b"ce-type": b"t"}


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        (b"%e2%82%ac", "€"),
        (b"%41%2541", "A%41"),
        (b"a b", "a b"),
        (b" \ta\t ", "a"),
        (b'"a b"', "a b"),
        (b'"a\\"b\\\\c\\d"', 'a"b\\cd'),
        (b'"%20%22"', ' "'),
        (b"a\\b", "a\\b"),
        (b"(a)", "(a)"),
    ],
)
def test_header_text_is_unquoted_and_percent_decoded_once(raw, value):
    assert decode({**CORE, b"ce-subject": raw}, b"").subject == value


@pytest.mark.parametrize(
    "raw",
    [
        *(b"%", b"%2", b"%zz", b"%+1", b"%c0%af", b"%C0%A0", b"%ed%a0%80", b"%f4%90%80%80", b"%ff"),
        *(b"%00", b"%7F", b"a\tb", b"\x01", b"%EF%BF%BF", b"\xff", "é".encode()),
        *(b'"', b'a"b', b'"a"b', b'"a"b"', b'"a\\"', b'"a\tb"', b'a "b c"'),
    ],
)
def test_header_text_that_is_no_text_is_refused(raw):
    with pytest.raises(InvalidRequest, match="'subject'"):
        decode({**CORE, b"ce-subject": raw}, b"")
