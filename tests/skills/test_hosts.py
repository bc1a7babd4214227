"""`[egress] allow`: what an entry may be, and how hosts are spelled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catnap.errors import InvalidRequest
from catnap.skills.hosts import Place, canonical, parse_pattern, parse_place
from catnap.skills.manifest import parse_manifest


@pytest.mark.parametrize(
    ("host", "spelled"),
    [
        ("api.example.com", "api.example.com"),
        ("API.Example.COM.", "api.example.com"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("a_b.example.com", "a_b.example.com"),
        ("localhost", "localhost"),
        ("8.8.8.8", "8.8.8.8"),
        ("8.8.8.8.", "8.8.8.8"),
        ("[2001:DB8:0:0::7]", "[2001:db8::7]"),
        ("[::ffff:8.8.8.8]", canonical("[::FFFF:808:808]")),
        ("0x7f.example.com", "0x7f.example.com"),
    ],
)
def test_a_host_has_one_spelling(host: str, spelled: str) -> None:
    assert canonical(host) == spelled
    assert canonical(spelled) == spelled


@pytest.mark.parametrize(
    "host",
    [
        *("", ".", "..", "a..b", ".a", "a..", "-a.b", "a-.b", "a b", "a\0b", "a\r\nb", "a%2eb"),
        *("a" * 64 + ".com", ".".join(["a" * 60] * 5), "*", "*.com*", "a/b", "a@b", "a:b", "a\\b"),
        # What C libraries take for 127.0.0.1 is an address and no name.
        *("127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.0.0.01", "0x"),
        *("1.2.3.4.5", "256.1.1.1", "1.2.3", "a.1", "a.0x1"),
        *("::1", "[::1", "::1]", "[]", "[1.2.3.4]", "[fe80::1%eth0]", "[::1%]", "[g::1]"),
        # Lower-casing would make ASCII of the first, and a dot of the second.
        *("\u212aafka.example.com", "example\u3002com", "bücher.example", "exam\u200bple.com"),
    ],
)
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(InvalidRequest):
        canonical(host)


@given(st.text(max_size=40))
def test_no_text_becomes_anything_but_plain_ascii(text: str) -> None:
    try:
        host = canonical(text)
    except InvalidRequest:
        return
    assert host == canonical(host)
    assert set(host) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-_[]:")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a.example:443", Place("a.example")),
        ("A.example.:8443", Place("a.example", 8443)),
        ("[::1]:1", Place("[::1]", 1)),
        ("8.8.8.8:65535", Place("8.8.8.8", 65535)),
    ],
)
def test_a_place_is_a_host_and_a_port(text: str, place: Place) -> None:
    assert parse_place(text) == place


@pytest.mark.parametrize(
    "text",
    [
        *("a.example", "[::1]", "a.example:", "a.example:0", "a.example:65536", "a.example:+1"),
        *("a.example:0443", "a.example:44 3", "a.example:443:443", "a.example:\u0664\u0664\u0663"),
        *("::1:443", ":443", "user@a.example:443", "user:pw@a.example:443", "https://a.example:1"),
        *("a.example:443/", "a.example:443#b:443", "a.example\\.b.example:443", "a.example:1e3"),
    ],
)
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_place(text)


@pytest.mark.parametrize(
    "entry", ["*", "*.", "*.com", "*.8.8.8.8", "*.[::1]", "a.*.com", "*a.example.com", "**.a.b"]
)
def test_a_wildcard_stands_for_what_is_below_a_domain(entry: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_pattern(entry)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("https://api.example.com", r"egress\.allow\[1\]: .*the port must be"),
        ("api.example.com/v1", r"egress\.allow\[1\]: .* without https:// or a path"),
        ("*.com", r"egress\.allow\[1\]: .* such as \*\.example\.com"),
        ("bücher.example", r"egress\.allow\[1\]: .* ASCII form"),
    ],
)
def test_a_manifest_says_which_entry_is_wrong(entry: str, message: str) -> None:
    head = 'name = "a"\ndescription = "b"\n[egress]\n'
    with pytest.raises(InvalidRequest, match=message):
        parse_manifest(f'{head}allow = ["a.example", "{entry}"]')


def test_a_list_too_long_for_a_grant_is_refused() -> None:
    hosts = ", ".join(f'"host-{n:04}.example.com"' for n in range(250))
    with pytest.raises(InvalidRequest, match=r"egress\.allow: must be 4,096 characters"):
        parse_manifest(f'name = "a"\ndescription = "b"\n[egress]\nallow = [{hosts}]')
