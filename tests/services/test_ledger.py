"""Revisions that are kept, and their names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from catnap.errors import InvalidRequest
from catnap.services.ledger import KEPT, Entry, Ledger
from catnap.services.render import service
from catnap.services.traffic import LATEST, parse
from catnap.skills.manifest import parse_manifest


def echo(image: str) -> dict[str, Any]:
    manifest = parse_manifest('name = "echo"\ndescription = "A test."\n')
    return service(manifest, image=image, namespace="acme")


def entry(*images: str) -> Entry:
    made = Entry()
    for image in images:
        made = made.applied(echo(image), 1.0).settled()
    return made


def names(made: Entry) -> list[str]:
    return [each.name for each in made.revisions]


def test_each_template_but_a_repeat_is_a_revision() -> None:
    assert names(entry("a", "a", "b", "a")) == ["echo-00001", "echo-00002", "echo-00003"]


def test_of_those_without_traffic_the_newest_ten_are_kept() -> None:
    pinned = msgspec.structs.replace(
        entry("a"), traffic=parse([{"revisionName": "echo-00001", "percent": 100}])
    )
    for number in range(KEPT + 3):
        pinned = pinned.applied(echo(f"b{number}"), 2.0).settled()
    found = names(pinned)
    assert found[0] == "echo-00001", "calls go there"
    assert len(found) == 1 + KEPT + 1
    assert found[-1] == f"echo-{KEPT + 4:05}"


def test_what_had_a_share_is_remembered_to_have_served() -> None:
    made = entry("a", "b")
    assert [each.served for each in made.revisions] == [True, True]
    pinned = msgspec.structs.replace(
        made, traffic=parse([{"revisionName": "echo-00001", "percent": 100}])
    )
    later = pinned.applied(echo("c"), 2.0).settled()
    assert [each.served for each in later.revisions] == [True, True, False]


def test_traffic_to_a_revision_that_is_gone_is_refused() -> None:
    traffic = parse([{"revisionName": "echo-00009", "percent": 100}])
    with pytest.raises(InvalidRequest, match="echo-00009"):
        msgspec.structs.replace(entry("a"), traffic=traffic).settled()


def test_revisions_and_traffic_outlast_a_restart(tmp_path: Path) -> None:
    made = entry("a", "b")
    Ledger(tmp_path).keep("acme", "echo", made)
    again = Ledger(tmp_path)
    assert again.get("acme", "echo") == made
    assert again.images() == {"a", "b"}
    assert again.get("acme", "echo").named["echo-00001"].revision().image == "a"


def test_a_tenant_may_have_any_name(tmp_path: Path) -> None:
    kept = entry("a")
    moved = msgspec.structs.replace(
        kept.latest,
        service={**kept.latest.service, "metadata": {"name": "echo", "namespace": "../x/y"}},
    )
    made = Entry(revisions=(moved,))
    Ledger(tmp_path / "services").keep("../x/y", "echo", made)
    assert Ledger(tmp_path / "services").get("../x/y", "echo") == made
    assert [each.name for each in tmp_path.iterdir()] == ["services"]


def test_a_file_that_was_half_written_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    Ledger(tmp_path).keep("acme", "echo", entry("a"))
    [path] = tmp_path.glob("*/*.json")
    path.write_bytes(path.read_bytes()[:40])
    assert Ledger(tmp_path).get("acme", "echo") == Entry()


def test_a_deleted_service_keeps_its_number_and_nothing_else() -> None:
    pinned = msgspec.structs.replace(
        entry("a", "b"), traffic=parse([{"revisionName": "echo-00001", "percent": 100}])
    )
    gone = pinned.deleted()
    assert names(gone) == ["echo-00002"]
    assert gone.traffic == LATEST
    assert names(gone.applied(echo("c"), 3.0)) == ["echo-00002", "echo-00003"]
