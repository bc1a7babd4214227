"""Names of deleted skills, in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from catnap.errors import InvalidRequest, Unavailable
from catnap.services.withdrawn import Withdrawn


def test_names_outlast_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "withdrawn.json"
    names = Withdrawn(path)
    for name in ("b", "a", "c"):
        names.add(name)
    names.discard("c")
    assert list(Withdrawn(path)) == ["a", "b"]


@pytest.mark.parametrize("data", [b'["ec', b"{}", b"\xff"])
def test_a_file_that_cannot_be_read_brings_nothing_back(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "withdrawn.json"
    path.write_bytes(data)
    with pytest.raises(InvalidRequest, match=f"{path} cannot be read"):
        Withdrawn(path)


def test_a_name_that_could_not_be_written_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way of the folder")
    with pytest.raises(InvalidRequest):
        Withdrawn(tmp_path / "state" / "withdrawn.json")
    (tmp_path / "state").unlink()
    names = Withdrawn(tmp_path / "state" / "withdrawn.json")
    (tmp_path / "state").write_text("in the way of the folder")
    with pytest.raises(Unavailable, match="cannot be written"):
        names.add("echo")
    assert "echo" not in names
