"""How a client is told of TLS."""

from __future__ import annotations

from pathlib import Path

import pytest

from catnap.client import connect, logins
from catnap.client.tls import secured
from catnap.errors import InvalidRequest
from tests.authority import Authority


@pytest.mark.parametrize(
    ("address", "said", "target", "secure"),
    [
        ("127.0.0.1:9000", "127.0.0.1:9000", "127.0.0.1:9000", False),
        ("unix:/run/catnap", "unix:/run/catnap", "unix:/run/catnap", False),
        ("https://a.example", "https://a.example:443", "a.example:443", True),
        ("https://a.example:9000/", "https://a.example:9000", "a.example:9000", True),
        ("https://[::1]:9000", "https://[::1]:9000", "[::1]:9000", True),
    ],
)
def test_an_https_address_is_tls_and_no_other_is(
    address: str, said: str, target: str, secure: bool
) -> None:
    found = secured(address)
    assert (found.address, found.target) == (said, target)
    assert (found.credentials is not None) is secure


@pytest.mark.parametrize("address", ["https://", "https://a.example/path", "https://a:b"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InvalidRequest, match="https://host:port"):
        connect(address, "")


@pytest.mark.parametrize("name", ["ca", "cert", "key"])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    pair = Authority(tmp_path).issue("own")
    files = {"ca": tmp_path / "ca.pem", "cert": pair.cert, "key": pair.key}
    files[name] = tmp_path / "missing.pem"
    with pytest.raises(InvalidRequest, match=r"missing\.pem: No such file"):
        connect("https://127.0.0.1:1", "", **files)


def test_a_credential_is_kept_for_the_address_with_tls_and_not_for_the_one_without(
    tmp_path: Path,
) -> None:
    environment = {"XDG_CONFIG_HOME": str(tmp_path)}
    logins.keep(logins.place(environment), "secret", secured("https://a.example").address)
    assert logins.given(secured("https://A.example:443/").address, environment) == "secret"
    assert logins.given(secured("a.example:443").address, environment) == ""
