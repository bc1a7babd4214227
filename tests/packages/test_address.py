from __future__ import annotations

from pathlib import Path

import pytest

from catnap.cli.config_check import check
from catnap.errors import InvalidRequest
from catnap.packages import Index


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://packages.example/simple", "https://packages.example/simple/"),
        ("https://packages.example", "https://packages.example/"),
        ("http://127.0.0.1:3141/root//", "http://127.0.0.1:3141/root/"),
        ("http://[::1]:3141/simple/", "http://[::1]:3141/simple/"),
        ("http://localhost/simple/", "http://localhost/simple/"),
    ],
)
def test_an_index_is_an_address(text: str, url: str) -> None:
    assert Index.parse(text) == Index(url)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "packages.example/simple",
        "http://packages.example/simple/",
        "http://127.0.0.1.example.com/simple/",
        "ftp://packages.example/simple/",
        "file:///srv/packages",
        "https:///simple/",
        "https://packages.example:port/simple/",
        "https://packages.example/simple/?a=b",
        "https://packages.example/simple/#a",
        "https://packages.example/sim\nple/",
    ],
)
def test_what_others_could_read_or_change_is_no_index(text: str) -> None:
    with pytest.raises(InvalidRequest, match="CATNAP_INDEX"):
        Index.parse(text)


def test_credentials_of_an_index_are_told_by_nobody() -> None:
    index = Index.parse("https://ann:p%40ss@packages.example/simple/")
    assert index.url == "https://packages.example/simple/"
    assert index.authorization == "Basic YW5uOnBAc3M="
    assert "YW5u" not in repr(index)
    with pytest.raises(InvalidRequest) as refused:
        Index.parse("http://ann:secret@packages.example/simple/")
    assert "secret" not in str(refused.value)


HERE, THERE = Index.parse("http://127.0.0.1:3141/simple/"), Index.parse("https://a.example/simple/")


@pytest.mark.parametrize(
    ("index", "url", "permitted"),
    [
        (THERE, "https://a.example/files/x.whl", True),
        (THERE, "https://files.example/x.whl", True),
        (THERE, "http://a.example/files/x.whl", False),
        (THERE, "http://127.0.0.1/x.whl", False),
        (THERE, "https://127.0.0.1/x.whl", False),
        (THERE, "https://[::1]/x.whl", False),
        (THERE, "https://localhost/x.whl", False),
        (THERE, "https://localhost./x.whl", False),
        (THERE, "https://127.1/x.whl", False),
        (THERE, "https://2130706433/x.whl", False),
        (THERE, "https://0/x.whl", False),
        (THERE, "https://[::ffff:127.0.0.1]/x.whl", False),
        (THERE, "https://[::]/x.whl", False),
        (THERE, "http://169.254.169.254/latest/meta-data", False),
        (THERE, "file:///etc/passwd", False),
        (THERE, "ftp://a.example/x.whl", False),
        (THERE, "https://ann:secret@a.example/x.whl", False),
        (THERE, "https://a.example:port/x.whl", False),
        (THERE, "/x.whl", False),
        (HERE, "http://127.0.0.1:3141/files/x.whl", True),
        (HERE, "http://127.0.0.1:8080/files/x.whl", False),
        (HERE, "http://localhost:3141/files/x.whl", False),
        (HERE, "https://files.example/x.whl", True),
    ],
)
def test_an_index_may_lead_to_https_and_to_itself(index: Index, url: str, permitted: bool) -> None:
    assert index.permits(url) is permitted


def test_config_check_says_what_is_no_index(tmp_path: Path) -> None:
    environment = {"CATNAP_INDEX": "http://packages.example/simple/"}
    [problem] = check({}, environment, tmp_path).problems
    assert problem.where == "CATNAP_INDEX"
    assert "must be https" in problem.problem
