"""Revisions that are kept, and their names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from catnap.errors import InvalidRequest, Unavailable
from catnap.services.entry import Entry
from catnap.services.history import KEPT
from catnap.services.ledger import Ledger
from catnap.services.render import service
from catnap.services.traffic import LATEST, parse
from catnap.skills.manifest import parse_manifest


def skill(name: str, image: str) -> dict[str, Any]:
    manifest = parse_manifest(f'name = "{name}"\ndescription = "A test."\n')
    return service(manifest, image=image, namespace="acme")


def echo(image: str) -> dict[str, Any]:
    return skill("echo", image)


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


def test_what_has_served_stays_however_many_edits_nobody_meets() -> None:
    pinned = entry("a", "b", "c").routed(parse([{"revisionName": "echo-00002", "percent": 100}]))
    for number in range(KEPT + 1):
        pinned = pinned.applied(echo(f"d{number}"), 2.0).settled()
    found = names(pinned)
    assert found[:3] == ["echo-00001", "echo-00002", "echo-00003"]
    assert len(found) == 1 + KEPT + 1


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
        entry("a").routed(traffic)


def test_revisions_and_traffic_outlast_a_restart(tmp_path: Path) -> None:
    made = entry("a", "b")
    Ledger(tmp_path).keep("acme", "echo", made)
    again = Ledger(tmp_path)
    assert again.get("acme", "echo") == made
    assert again.images() == {"a", "b"}
    assert again.get("acme", "echo").named["echo-00001"].revision.image == "a"


@pytest.mark.parametrize("tenant", ["../x/y", "..", "x" * 256])
def test_a_tenant_may_have_any_name(tmp_path: Path, tenant: str) -> None:
    kept = entry("a")
    moved = msgspec.structs.replace(
        kept.latest,
        service={**kept.latest.service, "metadata": {"name": "echo", "namespace": tenant}},
    )
    made = Entry(revisions=(moved,))
    Ledger(tmp_path / "services").keep(tenant, "echo", made)
    assert Ledger(tmp_path / "services").get(tenant, "echo") == made
    assert [each.name for each in tmp_path.iterdir()] == ["services"]


@pytest.mark.parametrize("spoil", [lambda data: data[:40], lambda data: b'{"newer":1,' + data[1:]])
def test_a_file_that_cannot_be_read_stands_in_the_way_of_its_service_alone(
    tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    ledger = Ledger(tmp_path)
    ledger.keep("acme", "echo", entry("a"))
    ledger.keep("acme", "other", other := Entry().applied(skill("other", "b"), 1.0))
    path = tmp_path / "acme" / "echo.json"
    path.write_bytes(spoil(path.read_bytes()))
    again = Ledger(tmp_path)
    with pytest.raises(InvalidRequest, match=f"{path} cannot be read"):
        again.get("acme", "echo")
    with pytest.raises(InvalidRequest, match=f"{path} cannot be read"):
        again.images()
    assert again.get("acme", "other") == other


def test_what_could_not_be_written_is_not_there(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "services")
    (tmp_path / "services").write_text("in the way of the folder")
    with pytest.raises(Unavailable, match=r"services/acme/echo\.json cannot be written"):
        ledger.keep("acme", "echo", entry("a"))
    assert ledger.get("acme", "echo") == Entry()


def test_a_deleted_service_keeps_its_number_and_nothing_else() -> None:
    pinned = msgspec.structs.replace(
        entry("a", "b"), traffic=parse([{"revisionName": "echo-00001", "percent": 100}])
    )
    gone = pinned.deleted()
    assert names(gone) == ["echo-00002"]
    assert gone.traffic == LATEST
    assert names(gone.applied(echo("b"), 3.0)) == ["echo-00002"]
    assert names(gone.applied(echo("c"), 3.0)) == ["echo-00003"], "its code may be gone"


def test_what_was_deleted_needs_no_image_and_is_not_served_again(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.keep("acme", "echo", entry("a", "b"))
    ledger.keep("acme", "echo", entry("a", "b").deleted())
    for each in (ledger, Ledger(tmp_path)):
        assert each.images() == set()
        assert each.newest("echo") is None
