"""The revision that a call goes to."""

from __future__ import annotations

import pytest

from catnap.services import choice
from catnap.services.knative.routing import Split


def splits(**shares: int) -> list[Split]:
    return [Split("acme", name, 80, name, percent) for name, percent in shares.items()]


@pytest.mark.parametrize(
    ("random", "chosen"), [(0.0, "old"), (0.199, "old"), (0.2, "new"), (0.999, "new")]
)
def test_calls_go_by_the_shares(random: float, chosen: str) -> None:
    assert choice.revision(splits(old=20, new=80), "", random) == chosen


def test_a_session_stays_at_its_revision_while_that_has_a_share() -> None:
    assert choice.revision(splits(old=20, new=80), "old", 0.9) == "old"
    assert choice.revision(splits(old=0, new=100), "old", 0.9) == "new"
    assert choice.revision(splits(new=100), "old", 0.0) == "new"


def test_what_leads_to_no_revision_is_not_chosen() -> None:
    outside = Split("acme", "elsewhere", 80, "", 50)
    assert choice.revision([outside, *splits(new=50)], "", 0.0) == "new"
    assert choice.revision([outside], "", 0.0) == ""
    assert choice.revision([], "", 0.0) == ""


def test_a_service_shows_the_revision_with_the_largest_share() -> None:
    assert choice.main(splits(old=20, new=80)) == "new"
    assert choice.main([]) == ""
