"""Changes to traffic as they are asked for at a keyboard."""

from __future__ import annotations

import pytest

from catnap.errors import InvalidRequest, NotFound
from catnap.services.retarget import previous, resolve, retarget
from catnap.services.snapshot import Revision, Service
from catnap.services.traffic import LATEST, Target, parse, write


def seen(*revisions: tuple[int, int, bool], tags: dict[str, str] | None = None) -> Service:
    """Number, percent, and whether it has served; the newest first."""
    newest = revisions[0][0]
    made = [
        Revision(
            name=f"echo-{number:05}", latest=number == newest, percent=percent, served=has_served
        )
        for number, percent, has_served in revisions
    ]
    targets = [Target(revision_name=each.name, percent=each.percent) for each in made]
    tagged = [Target(revision_name=name, tag=tag) for tag, name in (tags or {}).items()]
    return Service(
        tenant="acme",
        name="echo",
        traffic=tuple(each for each in (*targets, *tagged) if each.percent or each.tag),
        revisions=made,
    )


TWO = seen((2, 100, True), (1, 0, True), tags={"stable": "echo-00001"})


@pytest.mark.parametrize("asked", ["echo-00001", "1", "00001", "stable"])
def test_a_revision_is_meant_by_name_number_or_tag(asked: str) -> None:
    assert resolve(TWO, asked) == "echo-00001"


def test_the_newest_is_meant_whichever_it_is() -> None:
    assert resolve(TWO, "latest") == resolve(TWO, "@latest") == ""


@pytest.mark.parametrize("asked", ["3", "echo-3", "beta", "", "²", "0", "9" * 5000])
def test_a_revision_that_there_is_not_is_answered_with_those_there_are(asked: str) -> None:
    with pytest.raises(NotFound, match="echo-00001, echo-00002"):
        resolve(TWO, asked)


def test_new_percentages_take_the_place_of_all_and_tags_stay() -> None:
    found = retarget(TWO, {"1": 90, "latest": 10}, {})
    assert write(found) == [
        {"revisionName": "echo-00001", "percent": 90},
        {"latestRevision": True, "percent": 10},
        {"revisionName": "echo-00001", "tag": "stable"},
    ]
    assert parse(write(found)) == found


def test_a_tag_alone_leaves_the_percentages() -> None:
    found = retarget(TWO, {}, {"canary": "latest", "stable": "2"})
    assert found == (
        Target(revision_name="echo-00002", percent=100),
        Target(revision_name="echo-00002", tag="stable"),
        Target(latest_revision=True, tag="canary"),
    )


def test_a_tag_is_taken_away() -> None:
    assert retarget(TWO, {"latest": 100}, {}, ["stable"]) == LATEST
    with pytest.raises(NotFound, match="no tag 'beta': there are stable"):
        retarget(TWO, {}, {}, ["beta"])


def test_one_revision_under_two_names_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="twice"):
        retarget(TWO, {"1": 50, "stable": 50}, {})


def test_percentages_are_a_hundred_together() -> None:
    with pytest.raises(InvalidRequest, match="sum to 90, want 100"):
        retarget(TWO, {"1": 50, "2": 40}, {})


@pytest.mark.parametrize("tag", ["latest", "echo-00002", "No", "1", "a-", ""])
def test_a_tag_is_a_label_that_means_nothing_else(tag: str) -> None:
    with pytest.raises(InvalidRequest, match=f"{tag!r}"):
        retarget(TWO, {}, {tag: "1"})


@pytest.mark.parametrize(
    ("revisions", "back"),
    [
        ([(2, 100, True), (1, 0, True)], 1),
        ([(3, 100, True), (2, 0, False), (1, 0, True)], 1),
        ([(3, 0, False), (2, 100, True), (1, 0, True)], 1),
        ([(3, 10, True), (2, 0, True), (1, 90, True)], 1),
        ([(4, 10, True), (3, 60, True), (2, 30, True), (1, 0, True)], 3),
    ],
)
def test_it_goes_back_to_what_served_before(
    revisions: list[tuple[int, int, bool]], back: int
) -> None:
    assert previous(seen(*revisions)) == f"echo-{back:05}"


def test_there_may_be_nothing_to_go_back_to() -> None:
    for revisions in ([(1, 100, True)], [(2, 100, True), (1, 0, False)]):
        with pytest.raises(NotFound, match="nothing to go back to"):
            previous(seen(*revisions))
