"""Which bases will do."""

from __future__ import annotations

import msgspec
import pytest

from catnap.errors import InvalidRequest
from catnap.services.containers.base import Inside, platform

DEBIAN = Inside((3, 11), True, "x86_64", "glibc", "2.36")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, "x86_64-manylinux_2_28"),
        ({"machine": "aarch64"}, "aarch64-manylinux_2_28"),
        ({"libc_version": "2.26"}, "x86_64-manylinux_2_17"),
        ({"python": (3, 14)}, "x86_64-manylinux_2_28"),
    ],
)
def test_packages_are_those_that_the_base_can_run(
    changed: dict[str, object], expected: str
) -> None:
    assert platform(msgspec.structs.replace(DEBIAN, **changed), "base") == expected


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"python": (3, 10)}, "has Python 3.10: needs 3.11 or newer"),
        ({"venv": False}, "lacks Python's venv module: on Debian, python3-venv"),
        ({"libc": ""}, "has no glibc"),
        ({"machine": "s390x"}, "is for s390x"),
    ],
)
def test_what_a_base_lacks_is_named(changed: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidRequest, match=f"base image python:x {said}"):
        platform(msgspec.structs.replace(DEBIAN, **changed), "python:x")
