"""[[limits]] of catnap.toml; the commands are tried in tests/gateway/test_limits.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from catnap.access.limits import Limit
from catnap.cli.settings import Settings, gateway_settings, read_settings
from catnap.errors import InvalidRequest

TOML = """
[[limits]]
tenant = "*"
rate = 100
burst = 200

[[limits]]
tenant = "acme"
user = "*"
daily_tokens = 1_000_000
daily_compute_ms = 3.6e6
"""
LIMITS = (
    Limit(tenant="*", rate=100, burst=200),
    Limit(tenant="acme", user="*", daily_tokens=1_000_000, daily_compute_ms=3_600_000),
)


def read(folder: Path, text: str) -> Settings:
    (folder / "catnap.toml").write_text(text)
    return read_settings({}, {}, folder)


def test_limits_are_tables_of_catnap_toml(tmp_path: Path) -> None:
    assert read(tmp_path, TOML).limits == LIMITS


def test_a_gateway_on_a_cluster_has_them_as_they_were_written(tmp_path: Path) -> None:
    assert read(tmp_path, gateway_settings(Settings(limits=LIMITS))).limits == LIMITS


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("rat = 1", "unknown key 'rat': did you mean 'rate'"),
        ('rate = "1/s"', "number 1: Expected `float"),
        ("rate = 1e9", "number 1: the limit of all calls together: rate is 1e"),
        (
            "rate = 1\n[[limits]]\nburst = 3\nrate = 2",
            "[[limits]]: there are two limits of all calls together: make them one",
        ),
        ('user = "ann"', "number 1: the limit of user 'ann' limits nothing"),
    ],
)
def test_a_limit_that_cannot_be_says_where_and_why(tmp_path: Path, table: str, said: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        read(tmp_path, f"[[limits]]\n{table}\n")
    assert said in raised.value.message
