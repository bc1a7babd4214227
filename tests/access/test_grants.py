"""Grants: nobody makes, changes or keeps one that the platform did not give."""

from __future__ import annotations

import base64
import hashlib
import hmac

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catnap.access import Grant, Grants
from catnap.errors import InvalidRequest, Unauthenticated

GRANTS = Grants(b"k" * 32)
GRANT = Grant(
    tenant="acme",
    user="alice@example.com",
    session="s/1",
    task="t-1",
    skill="document-search",
    models=("minilm-l6-v2",),
    egress=("api.example.com", "*.example.org:8443"),
    depth=2,
    expires=1000.5,
    deadline=999.25,
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
)


@pytest.mark.parametrize(
    "grant", [GRANT, Grant(tenant="t", user="ü", expires=1000.0)], ids=["full", "least"]
)
def test_what_is_issued_is_verified(grant: Grant) -> None:
    token = GRANTS.issue(grant)
    assert token.startswith("cg1.")
    assert token.isascii()
    assert token.isprintable()
    assert GRANTS.verify(token, 999.0) == grant


def test_a_change_of_any_character_is_refused() -> None:
    token = GRANTS.issue(GRANT)
    for place, character in enumerate(token):
        for other in {"A", "B", "_", "-", ".", "=", " ", "\0", "é", character.swapcase()}:
            if other != character:
                changed = token[:place] + other + token[place + 1 :]
                with pytest.raises(Unauthenticated):
                    GRANTS.verify(changed, 0)


def test_a_token_cut_or_lengthened_anywhere_is_refused() -> None:
    token = GRANTS.issue(GRANT)
    for place in range(len(token)):
        for changed in (token[:place], token[place + 1 :], token[:place] + "A" + token[place:]):
            if changed != token:
                with pytest.raises(Unauthenticated):
                    GRANTS.verify(changed, 0)
    for changed in (token + "=", token + "A", token + "\n", " " + token, token + "." + token):
        with pytest.raises(Unauthenticated):
            GRANTS.verify(changed, 0)


def test_parts_of_two_grants_make_none() -> None:
    one = GRANTS.issue(GRANT)
    other = GRANTS.issue(msgspec.structs.replace(GRANT, user="bob"))
    mixed = one.rpartition(".")[0] + "." + other.rpartition(".")[2]
    with pytest.raises(Unauthenticated, match="signature is wrong"):
        GRANTS.verify(mixed, 0)


def test_another_platforms_grant_is_refused() -> None:
    with pytest.raises(Unauthenticated, match="signature is wrong"):
        Grants(b"K" * 32).verify(GRANTS.issue(GRANT), 0)


def test_a_grant_ends_at_its_time() -> None:
    token = GRANTS.issue(GRANT)
    assert GRANTS.verify(token, 1000.499)
    for now in (1000.5, 1001, float("inf")):
        with pytest.raises(Unauthenticated, match="grant of task 't-1' has expired"):
            GRANTS.verify(token, now)


def test_only_a_true_signature_learns_that_it_is_late() -> None:
    token = GRANTS.issue(GRANT)
    with pytest.raises(Unauthenticated, match="signature is wrong"):
        GRANTS.verify(token[:-1] + ("A" if token[-1] != "A" else "B"), 2000)


@pytest.mark.parametrize(
    "token", ["", ".", "..", "cg1", "cg1.", "cg1..", "cg1.x", "catnap_x", "a.b.c", "x" * 99_999]
)
def test_what_is_no_grant_is_told_so(token: str) -> None:
    with pytest.raises(Unauthenticated, match="no grant"):
        GRANTS.verify(token, 0)


@given(st.text(max_size=80))
def test_no_text_is_a_grant(text: str) -> None:
    for token in (text, "cg1." + text, f"cg1.{text}." + "A" * 43):
        with pytest.raises(Unauthenticated):
            GRANTS.verify(token, 0)


@pytest.mark.parametrize(
    "payload", [b"", b"\x80", b"\x90", b"\xff" * 9, msgspec.json.encode(GRANT)]
)
def test_a_signed_payload_of_another_shape_is_refused(payload: bytes) -> None:
    """As a newer platform with the same secret may have issued it."""
    signed = b"cg1." + base64.urlsafe_b64encode(payload or b"\xc0").rstrip(b"=")
    mac = hmac.digest(b"k" * 32, signed, hashlib.sha256)
    token = signed + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")
    with pytest.raises(Unauthenticated, match="another version"):
        GRANTS.verify(token.decode(), 0)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="32 bytes"):
        Grants(b"short")
