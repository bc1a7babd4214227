"""What a Service says of its traffic, by Knative's rules and in its words."""

from __future__ import annotations

from typing import Any

import pytest

from catnap.errors import InvalidRequest, NotFound
from catnap.services import traffic
from catnap.services.choice import Share
from catnap.services.traffic import LATEST, Target

OLD = {"revisionName": "echo-00001", "percent": 90}
NEW = {"latestRevision": True, "percent": 10, "tag": "canary"}


def test_what_is_written_is_what_was_read() -> None:
    targets = traffic.parse([OLD, NEW])
    assert targets == (
        Target(revision_name="echo-00001", percent=90),
        Target(latest_revision=True, percent=10, tag="canary"),
    )
    assert traffic.write(targets) == [OLD, NEW]
    assert traffic.write(LATEST) == [{"latestRevision": True, "percent": 100}]


def test_an_entry_that_names_no_revision_means_the_newest() -> None:
    assert traffic.parse([{"percent": 100}]) == LATEST


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([{**OLD, "percent": 80}, NEW], "Traffic targets sum to 90, want 100: spec.traffic"),
        ([], "Traffic targets sum to 0, want 100: spec.traffic"),
        ([{"percent": 101}], "expected 0 <= 101 <= 100: spec.traffic[0].percent"),
        ([{"percent": 101}, {"percent": -1}], "expected 0 <= 101 <= 100"),
        ([OLD, {**NEW, "tag": "No_label"}], "not a DNS 1035 label"),
        ([OLD, {**NEW, "tag": "1st"}], "not a DNS 1035 label"),
        ([OLD, {**NEW, "tag": "a" * 64}], "not a DNS 1035 label"),
        (
            [{**OLD, "tag": "canary"}, NEW],
            'Multiple definitions for "canary": spec.traffic[1].tag, spec.traffic[0].tag',
        ),
        (
            [{**OLD, "latestRevision": True}, NEW],
            'may not set revisionName "echo-00001" when latestRevision is true: '
            "spec.traffic[0].latestRevision",
        ),
        (
            [OLD, {**NEW, "latestRevision": False}],
            'may not set revisionName "" when latestRevision is false',
        ),
        ([{**OLD, "configurationName": "echo"}, NEW], "spec.traffic[0].configurationName"),
        ([OLD, {**NEW, "percent": "10"}], "spec.traffic[1]: "),
        (["echo"], "spec.traffic[0]: "),
        ({"echo": 100}, "expected a list"),
    ],
)
def test_what_knative_refuses_is_refused_in_its_words(entries: Any, said: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        traffic.parse(entries)
    assert said in caught.value.message


def test_a_revision_that_there_is_not_is_named_with_those_that_there_are() -> None:
    traffic.check(traffic.parse([OLD, NEW]), {"echo-00001"})
    with pytest.raises(InvalidRequest) as caught:
        traffic.check(traffic.parse([OLD, NEW]), {"echo-00002", "echo-00003"})
    assert caught.value.message == (
        'Revision "echo-00001" referenced in traffic not found: there are echo-00002, echo-00003'
    )


def test_a_revision_gets_the_sum_of_its_entries_and_a_tag_alone_gets_nothing() -> None:
    targets = traffic.parse(
        [
            {"latestRevision": True, "percent": 30},
            {"revisionName": "echo-00002", "percent": 70},
            {"revisionName": "echo-00001", "tag": "stable"},
        ]
    )
    assert traffic.shares(targets, "echo-00002") == (
        Share("echo-00002", 100),
        Share("echo-00001", 0),
    )


def test_a_tag_of_the_newest_moves_with_it() -> None:
    targets = traffic.parse([OLD, NEW])
    assert traffic.tagged(targets, "echo-00002", "canary", "echo") == "echo-00002"
    assert traffic.tagged(targets, "echo-00003", "canary", "echo") == "echo-00003"
    with pytest.raises(NotFound, match="'beta': there are canary"):
        traffic.tagged(targets, "echo-00003", "beta", "echo")
