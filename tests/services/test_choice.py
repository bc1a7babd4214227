"""The revision that a call goes to."""

from __future__ import annotations

import pytest

from catnap.services import choice
from catnap.services.knative.routing import Split
from catnap.sessions import DRAIN, Table


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


def test_a_session_with_calls_at_work_leaves_in_time_a_revision_that_has_no_traffic() -> None:
    sessions = Table[str]()
    sessions.begin("s", "old", "a", 0)

    def chosen(now: float, **shares: int) -> str:
        return choice.of_session(splits(**shares), "echo", "s", sessions, now)

    assert [chosen(now, new=100) for now in (0, 20, DRAIN)] == ["old", "old", "new"]


def test_a_revision_that_has_its_traffic_back_keeps_its_sessions() -> None:
    sessions = Table[str]()
    entry = sessions.begin("s", "old", "a", 0)

    def chosen(now: float, **shares: int) -> str:
        return choice.of_session(splits(**shares), "echo", "s", sessions, now)

    assert [chosen(0, new=100), chosen(20, old=1, new=99)] == ["old", "old"]
    assert sessions.home("s", 40) is entry


def test_a_service_shows_the_revision_with_the_largest_share() -> None:
    assert choice.main(splits(old=20, new=80)) == "new"
    assert choice.main([]) == ""
