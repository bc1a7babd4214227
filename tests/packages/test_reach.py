from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path
from random import Random

import pytest

from catnap.errors import InvalidRequest, Unavailable
from catnap.packages.metadata import Needs, parse_metadata, read_metadata
from catnap.packages.reach import Roots, reached

READ = {
    "frames": [
        ("1.0", ("arrays>=1", "old")),
        ("2.0", ("arrays>=2", "plots[fast]; extra == 'plot'")),
    ],
    "arrays": [("2.0", ("blas ; sys_platform == 'linux'", "win; sys_platform == 'win32'"))],
    "plots": [("1.0", ("fonts", "gpu; extra == 'fast'", "slow; extra == 'slow'"))],
    "future": [("1.0", ("backport; python_version < '3.12'", "never; python_version < '3'"))],
    "round": [("1.0", ("about",))],
    "about": [("1.0", ("round",))],
    "all": [("1.0", ("all[plot]; extra == 'all'", "pictures; extra == 'plot'"))],
    "leads": [("1.0", ("elsewhere @ https://evil.example/elsewhere.whl",))],
}


def known(name: str) -> Iterable[Needs]:
    for version, requires in READ.get(name, ()):
        lines = "".join(f"Requires-Dist: {each}\n" for each in requires)
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{lines}"
        yield parse_metadata(text.encode(), name, version)


@pytest.mark.parametrize(
    ("allow", "names"),
    [
        (("unread",), {"unread"}),
        (("frames",), {"frames", "arrays", "old", "blas"}),
        (("frames>=2",), {"frames", "arrays", "blas"}),
        (("frames<1",), {"frames"}),
        (
            ("frames[plot]>=2",),
            {"frames", "arrays", "blas", "plots", "fonts", "gpu"},
        ),
        (("plots", "frames[plot]>=2"), {"frames", "arrays", "blas", "plots", "fonts", "gpu"}),
        (("plots",), {"plots", "fonts"}),
        (("Future",), {"future", "backport"}),
        (("round",), {"round", "about"}),
        (("all[all]",), {"all", "pictures"}),
        (("leads",), {"leads"}),
        ((), set()),
    ],
)
def test_what_is_allowed_leads_to_what_it_needs(allow: tuple[str, ...], names: set[str]) -> None:
    assert set(reached(Roots(allow), known)) == names


def test_an_entry_more_of_a_name_allows_what_either_does() -> None:
    roots = Roots(("frames==1.0", "frames>=3"))
    versions = ("1.0", "2.0", "3.0", "4.0rc1")
    assert [roots.allows("frames", each) for each in versions] == [True, False, True, True]


def test_bounds_that_are_none_are_named() -> None:
    with pytest.raises(InvalidRequest, match=r"frames>=new: the version is none"):
        Roots(("frames>=new",))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Name: frames\nVersion: 2.0\n",
        "Name: evil\nVersion: 1.0\n",
        "Name: frames\nVersion: x\n",
    ],
)
def test_metadata_of_another_package_is_nobodys(text: str) -> None:
    with pytest.raises(Unavailable, match=r"metadata of frames 1\.0"):
        parse_metadata(text.encode(), "frames", "1.0")


@pytest.mark.parametrize(
    "hostile",
    [
        "evil; os_name ~= 'posix'",
        "evil; extra ~= 'a'",
        "evil; 'a' in 'b'",
        f"evil; python_version > '{'9' * 5000}'",
        f"evil; {'(' * 5000}os_name == 'a'{')' * 5000}",
        f"evil; {'(' * 300}os_name == 'a'{')' * 300}",
        f"evil>={'9' * 5000}",
        "evil" + "[" * 5000,
    ],
)
def test_a_requirement_that_nobody_can_read_hides_no_other(hostile: str) -> None:
    text = f"Name: frames\nVersion: 1.0\nRequires-Dist: {hostile}\nRequires-Dist: arrays\n"
    needs = parse_metadata(text.encode(), "frames", "1.0")
    assert "arrays" in reached(Roots(["frames"]), lambda name: [needs] if name == "frames" else [])


def test_a_version_with_more_digits_than_there_can_be_is_refused() -> None:
    with pytest.raises(Unavailable):
        parse_metadata(f"Name: a\nVersion: {'9' * 5000}\n".encode(), "a", "1")


def test_a_wheel_that_is_broken_anywhere_is_no_wheel(tmp_path: Path) -> None:
    place, random, refused = tmp_path / "a.whl", Random(1), 0
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w", method) as archive:
            archive.writestr("a-1.dist-info/METADATA", "Name: a\nVersion: 1\n" + "x: y\n" * 50)
        for _ in range(250):
            broken = bytearray(whole.getvalue())
            broken[random.randrange(len(broken))] = random.randrange(256)
            place.write_bytes(broken)
            try:
                read_metadata(place, "a", 1 << 20)
            except Unavailable:
                refused += 1
    assert refused
