from __future__ import annotations

import pytest

from catnap.errors import InvalidRequest
from catnap.skills.manifest import parse_manifest
from catnap.skills.requirements import Requirement, parse_requirement


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("pandas", Requirement("pandas")),
        ("  Ruamel.YAML  ", Requirement("ruamel-yaml")),
        ("pandas==2.2", Requirement("pandas", (), "==2.2")),
        ("numpy >= 1.26, < 3", Requirement("numpy", (), ">=1.26,<3")),
        ("a==1.*", Requirement("a", (), "==1.*")),
        ("x~=1.0.post1", Requirement("x", (), "~=1.0.post1")),
        ("t==2.1+cpu", Requirement("t", (), "==2.1+cpu")),
        ("Pandas[Excel, aws]>=2", Requirement("pandas", ("aws", "excel"), ">=2")),
    ],
)
def test_a_requirement_is_a_name_extras_and_bounds(text: str, meant: Requirement) -> None:
    assert parse_requirement(text) == meant
    assert parse_requirement(str(meant)) == meant


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("--index-url=https://evil.example/simple", "options"),
        ("-e .", "options"),
        ("-r/etc/passwd", "options"),
        ("pandas --index-url https://evil.example", "no address"),
        ("pandas @ https://evil.example/pandas-2.2-py3-none-any.whl", "no address"),
        ("pandas@file:///tmp/pandas.whl", "no address"),
        ("git+https://evil.example/pandas", "no address"),
        ("./pandas", "no path"),
        ("../pandas-2.2-py3-none-any.whl", "no path"),
        ("/tmp/pandas", "no path"),
        ("~/pandas", "no path"),
        ("..\\pandas", "no path"),
        ("pandas; sys_platform == 'linux'", "markers"),
        ("pandas===2.2", "=== is not taken"),
        ("pandas==", "is no requirement"),
        ("pandas 2.2", "is no requirement"),
        ("pandas=2.2", "is no requirement"),
        ("pandas numpy", "is no requirement"),
        ("pandas\n--no-binary", "is no requirement"),
        ("pandas==2.2\\", "no path"),
        ("pändas", "is no requirement"),
        ("panda\u0455", "is no requirement"),
        ("", "is no requirement"),
        ("x" * 201, "is no requirement"),
    ],
)
def test_what_says_where_from_or_how_is_no_requirement(text: str, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why):
        parse_requirement(text)


HEAD = 'name = "s"\ndescription = "S."\n'


def test_a_manifest_says_what_may_be_installed() -> None:
    more = '[session]\nshare = "session"\n[packages]\nallow = ["pandas>=2", "six"]\n'
    assert parse_manifest(HEAD + more).packages.allow == ("pandas>=2", "six")


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ('[packages]\nallow = ["six"]', "empty unless session.share is 'session'"),
        (
            '[session]\nshare = "session"\n[packages]\nallow = ["six", "./x"]',
            r"packages.allow\[1\]: './x': no path",
        ),
        ('[packages]\nallows = ["six"]', "did you mean 'packages.allow'"),
    ],
)
def test_a_manifest_that_allows_what_cannot_be_is_refused(more: str, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why):
        parse_manifest(HEAD + more)
