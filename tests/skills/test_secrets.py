"""Secrets of a skill where they are mounted, as a cluster does it and renews them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from catnap.errors import Unavailable
from catnap.skills.redaction import Renewed
from catnap.skills.secrets import mounted, redacted, secret


def mount(folder: Path, version: str, **values: str) -> None:
    """As the kubelet does: all at once, by the rename of a link.
    Source: Kubernetes, pkg/volume/util/atomic_writer.go."""
    kept = folder / f"..{version}"
    kept.mkdir(parents=True)
    for name, value in values.items():
        (kept / name).write_text(value)
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(Path("..data", name))
    (folder / "..data_tmp").symlink_to(kept.name)
    (folder / "..data_tmp").replace(folder / "..data")
    for each in folder.iterdir():
        if each.is_symlink() and not each.exists():
            each.unlink()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "secrets"
    monkeypatch.setenv("CATNAP_SECRETS", str(place))
    mount(place, "1", key="first-0123", other="other-0123")
    return place


def test_one_that_is_renewed_is_read_anew_and_one_that_is_gone_is_missing(place: Path) -> None:
    assert secret("key") == "first-0123"
    mount(place, "2", key="second-0123")
    assert secret("key") == "second-0123"
    with pytest.raises(Unavailable, match="catnap secrets set other"):
        secret("other")


def test_both_the_old_and_the_new_value_are_taken_out_of_what_is_written(place: Path) -> None:
    clean = Renewed(str(place), mounted)
    assert clean(b"first-0123 second-0123") == b"[redacted] second-0123"
    os.utime(place, ns=(1, 1))
    clean(b"")
    mount(place, "2", key="second-0123")
    assert clean(b"first-0123 second-0123 other-0123") == b"[redacted] [redacted] [redacted]"
    assert redacted("second-0123") == "[redacted]"


def test_no_name_leads_out_of_the_folder(place: Path) -> None:
    (place.parent / "outside").write_text("x")
    for name in ("../outside", "..data/key", "/etc/hostname", "", "."):
        with pytest.raises(Unavailable):
            secret(name)
