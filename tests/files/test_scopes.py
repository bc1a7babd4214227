"""Keys and scopes: what is refused, and that nothing crosses."""

from __future__ import annotations

import itertools
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catnap.errors import InvalidRequest
from catnap.files import Scope, check_key
from catnap.files.scopes import check_prefix

HOSTILE = [
    "",
    "/",
    "//",
    "/etc/passwd",
    "a/",
    "/a",
    "a//b",
    ".",
    "..",
    "./a",
    "../a",
    "a/..",
    "a/.",
    "a/../b",
    "a/./b",
    "a/../../b",
    "../../../../../../etc/passwd",
    "a\\b",
    "..\\..\\a",
    "\\\\server\\share",
    "C:\\a",
    "a\0",
    "a\0.txt",
    "\0",
    "a\nb",
    "a\rb",
    "a\r\nSet-Cookie: x",
    "a\tb",
    "a\x1b[31m",
    "a\x7f",
    "a\x85b",
    "\x80",
    "\x9f",
    "\ud800",
    "a\udfffb",
    "\udcff",
    "\ufdd0",
    "\ufdef",
    "\ufffe",
    "\uffff",
    "a/\U0001fffe",
    "\U0010ffff",
    "a" * 1025,
    "é" * 513,
    "\N{GRINNING FACE}" * 257,
    "a/" * 512 + "ab",
    "a" * 10_000_000,
    *(f"{a}/{b}" for a, b in itertools.product(("a", "..", "."), ("..", ".", "")) if (a, b)),
    *(chr(code) for code in range(32)),
    *(f"name{chr(code)}" for code in range(0x80, 0xA0)),
    *(f"{up}etc" for up in ("../" * n for n in range(1, 20))),
]


@pytest.mark.parametrize("key", HOSTILE, ids=lambda key: ascii(key[:24]))
def test_a_hostile_key_is_refused_by_name_and_rule(key: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_key(key)
    message = refused.value.message
    assert message.startswith("file key ")
    assert ascii(unicodedata.normalize("NFC", key)[:20])[1:-1] in message
    assert len(message) < 1500
    assert message.isascii()
    assert message.isprintable()


def test_there_are_many_of_them() -> None:
    assert len(set(HOSTILE)) >= 100


@pytest.mark.parametrize(
    "key",
    [
        "a",
        "a/b/c",
        ".hidden",
        "...",
        "..a/b..",
        " a ",
        "%2e%2e/%2f",
        "~/a",
        "-",
        "日本語.txt",
        "\N{FULLWIDTH FULL STOP}" * 2 + "\N{FULLWIDTH SOLIDUS}a",
        "\N{DIVISION SLASH}etc",
        "\N{ONE DOT LEADER}\N{ONE DOT LEADER}/a",
        "\N{FAMILY}\N{ZERO WIDTH JOINER}",
        "sessions/1/a",
        "a" * 1024,
        "é" * 512,
        "/".join(["a"] * 512),
    ],
)
def test_an_odd_but_harmless_key_is_kept(key: str) -> None:
    assert check_key(key) == key


def test_keys_that_look_the_same_are_the_same() -> None:
    assert check_key("e\N{COMBINING ACUTE ACCENT}.txt") == "é.txt"
    assert check_key("\N{ANGSTROM SIGN}") == "Å"
    long = "e\N{COMBINING ACUTE ACCENT}" * 512
    assert len(check_key(long).encode()) == 1024


@given(st.text(st.characters(), max_size=40))
def test_any_text_is_refused_or_stays_what_it_is(text: str) -> None:
    try:
        key = check_key(text)
    except InvalidRequest:
        return
    assert check_key(key) == key == unicodedata.normalize("NFC", text)
    assert not {"", ".", ".."} & set(key.split("/"))
    for cut in range(len(key)):
        assert check_prefix(key[:cut]) or cut == 0


@pytest.mark.parametrize("prefix", ["../", "a/../", "/", "a//b", "a\0", "a\\", "x" * 2000])
def test_a_hostile_prefix_is_refused(prefix: str) -> None:
    with pytest.raises(InvalidRequest, match="file key"):
        check_prefix(prefix)


IDS = [
    "alice",
    "Alice",
    "a/b",
    "a",
    "b",
    "../x",
    ".",
    "..",
    "...",
    "%2E",
    "%2E%2E",
    "%",
    "files",
    "sessions",
    "tasks",
    "bob@example.com",
    "a b",
    "é",
    "e\N{COMBINING ACUTE ACCENT}",
    "日本",
    "a\\b",
    "x" * 256,
    "é" * 128,
]


def test_no_scope_lies_in_another() -> None:
    scopes = [
        scope
        for tenant, user, extra in itertools.product(IDS, repeat=3)
        for scope in (
            Scope(tenant, user),
            Scope(tenant, user, session=extra),
            Scope(tenant, user, task=extra),
        )
    ]
    prefixes = sorted({scope.prefix for scope in scopes})
    assert len(prefixes) == len(set(scopes))
    # Sorted, a prefix of another would stand right before one that it begins.
    for one, other in itertools.pairwise(prefixes):
        assert not other.startswith(one)
    for prefix in prefixes:
        assert prefix.endswith("/")
        assert prefix.isascii()
        assert prefix.isprintable()
        check_key(prefix.rstrip("/")) if len(prefix) < 1024 else None
        assert prefix.count("/") in (3, 4)


def test_where_a_scope_lies() -> None:
    assert Scope("acme", "alice").prefix == "acme/alice/files/"
    assert Scope("acme", "alice", session="s1").prefix == "acme/alice/sessions/s1/"
    assert Scope("acme", "a/b", task="..").prefix == "acme/a%2Fb/tasks/%2E%2E/"
    kinds = [s.kind for s in (Scope("t", "u"), Scope("t", "u", "s"), Scope("t", "u", "", "k"))]
    assert kinds == ["user", "session", "task"]


@pytest.mark.parametrize(
    ("ids", "named"),
    [
        (("", "u"), "tenant"),
        (("t", ""), "user"),
        (("t", "u" * 257), "user"),
        (("t", "\ud800"), "user"),
        (("t", "a\0"), "user"),
        (("a\n", "u"), "tenant"),
        (("t", "u", "\uffff"), "session"),
        (("t", "u", "s" * 257), "session"),
        (("t", "u", "", "\udfff"), "task"),
        (("t", "u", "s", "k"), "exclude"),
    ],
)
def test_a_scope_that_cannot_be_is_refused(ids: tuple[str, ...], named: str) -> None:
    with pytest.raises(InvalidRequest, match=named):
        Scope(*ids)
