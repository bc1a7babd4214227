"""The same platform with its files in a bucket."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from catnap.errors import ResourceExhausted
from tests.contract import versitygw
from tests.platform.running import Running


def test_files_live_in_a_bucket_where_the_settings_say_so(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    program = versitygw.find()
    if program is None:
        pytest.skip(versitygw.HOW)
    folder = tmp_path / "bucket"
    folder.mkdir()
    with versitygw.running(program, folder) as bucket:
        platform = start(
            skills=["keeper"],
            CATNAP_FILES=f"s3://{bucket.name}?endpoint={bucket.endpoint}",
            AWS_ACCESS_KEY_ID=bucket.access_key,
            AWS_SECRET_ACCESS_KEY=bucket.secret_key,
        )
        with platform.client() as client:
            client.files.put("notes/one.txt", b"kept elsewhere", user="ada")
            [task] = client.tasks.list(skill="keeper", user="ada")
            assert client.tasks.wait(task.id, timeout=60).state == "succeeded"
            assert client.files.get("notes/one.txt", user="ada").read() == b"kept elsewhere"
        root = folder / bucket.name
        stored = {path.relative_to(root).as_posix() for path in root.rglob("*")}
        assert "default/ada/files/notes/one.txt" in stored
        assert f"default/ada/files/seen/{task.id}" in stored
        assert platform.stop() == 0


def test_files_are_within_the_bounds_that_the_settings_say(start: Callable[..., Running]) -> None:
    platform = start(CATNAP_FILES_BOUNDS="scope=1kB sessions=90d")
    with platform.client() as client:
        client.files.put("a", b"x" * 1000, user="ada")
        with pytest.raises(ResourceExhausted, match="1,000 bytes together"):
            client.files.put("b", b"x", user="ada")
        client.files.put("a", b"x" * 500, user="ada")
        client.files.put("b", b"x" * 500, user="ada")
    assert platform.stop() == 0
