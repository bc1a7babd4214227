"""What a text that is to be produced is expected to take."""

from __future__ import annotations

from catnap.models.generation import EXPECTED, MOST, Prompt, expected


def test_no_limit_that_a_request_claims_moves_its_turn() -> None:
    assert expected(100) == 100
    assert expected(0) == expected(-(10**9)) == EXPECTED
    assert expected(10**400) == MOST
    assert Prompt("four", max_tokens=10**400).cost == 1 + MOST
