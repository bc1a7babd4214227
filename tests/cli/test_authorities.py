"""The authority of an issuer goes to a cluster with the settings that name it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from catnap.cli.authorities import authorities
from catnap.cli.settings import gateway_settings, read_settings
from catnap.errors import InvalidRequest
from catnap.services.cluster.install import Install
from catnap.services.cluster.names import SETTINGS
from catnap.services.cluster.objects import system_objects
from tests.authority import Authority
from tests.cli.conftest import Cli

ISSUER = "[[issuers]]\nissuer = 'https://{name}.example'\naudience = 'catnap'\ntenant = 'acme'\n"


def write(folder: Path, *cas: str) -> None:
    text = ""
    for number, ca in enumerate(cas):
        text += ISSUER.format(name=f"issuer{number}") + (f"ca = '{ca}'\n" if ca else "")
    (folder / "catnap.toml").write_text(text)


def test_its_path_is_relative_to_the_file_that_says_it(tmp_path: Path) -> None:
    write(tmp_path, "ca.pem", "/etc/ca.pem", "")
    inside = tmp_path / "deep"
    inside.mkdir()
    found = [each.ca for each in read_settings({}, {}, inside).issuers]
    assert found == [str(tmp_path / "ca.pem"), "/etc/ca.pem", ""]


def test_a_gateway_on_a_cluster_reads_the_same_certificates(tmp_path: Path) -> None:
    first, second = Authority(tmp_path, "first"), Authority(tmp_path, "second")
    write(tmp_path, "first.pem", "", str(second.file))
    mine = read_settings({}, {}, tmp_path)
    install = Install(settings=gateway_settings(mine), files=authorities(mine))
    [data] = [
        each["data"]
        for each in system_objects(install)
        if each["kind"] == "ConfigMap" and each["metadata"]["name"] == SETTINGS
    ]
    mounted = tmp_path / "etc"
    mounted.mkdir()
    for name, text in data.items():
        (mounted / name).write_text(text)
    theirs = read_settings({}, {}, mounted)
    for here, there, own in zip(
        mine.issuers, theirs.issuers, (first.file, None, second.file), strict=True
    ):
        assert msgspec.structs.replace(there, ca=here.ca) == here
        if own is None:
            assert there.ca == ""
        else:
            assert Path(there.ca).parent == mounted
            assert Path(there.ca).read_bytes() == own.read_bytes()


def test_another_authority_is_another_gateway(tmp_path: Path) -> None:
    def digest(text: str) -> str:
        install = Install(settings="x = 1", files={"issuer-1.pem": text})
        [gateway] = [
            each
            for each in system_objects(install)
            if each["kind"] == "Deployment" and each["metadata"]["name"] == "catnap-gateway"
        ]
        return str(gateway["spec"]["template"]["metadata"]["annotations"]["catnap.dev/settings"])

    assert digest("one") != digest("other")


def test_a_key_that_stands_beside_the_certificate_stays_here(tmp_path: Path) -> None:
    pair = Authority(tmp_path).issue("both")
    (tmp_path / "both.pem").write_bytes(pair.key.read_bytes() + pair.cert.read_bytes())
    write(tmp_path, "both.pem")
    [text] = authorities(read_settings({}, {}, tmp_path)).values()
    assert "PRIVATE" not in text
    assert text.count("BEGIN CERTIFICATE") == 1


@pytest.mark.parametrize("content", [None, "", "nothing", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_one_that_is_no_good_is_said_before_anything_is_deployed(
    tmp_path: Path, alone: Cli, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    write(tmp_path, "ca.pem")
    (tmp_path / "functions").mkdir()
    with pytest.raises(InvalidRequest, match=r"ca of issuer https://issuer0.example: .*ca\.pem"):
        authorities(read_settings({}, {}, tmp_path))
    done = alone("config", "check", "--json")
    assert [each["where"] for each in done.json["problems"]] == ["[[issuers]]"]
