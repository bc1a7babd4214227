"""Where a gateway says that others reach its callbacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from catnap.errors import InvalidRequest
from catnap.gateway.settings import Settings, advertised


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("", "127.0.0.1:8081"),
        ("10.1.2.3", "10.1.2.3:8081"),
        ("fd00::7", "[fd00::7]:8081"),
        ("one.gateways", "one.gateways:8081"),
    ],
)
def test_it_is_the_callbacks_port_at_the_host_that_is_said(said: str, found: str) -> None:
    assert advertised(Settings(Path(), advertise=said), "127.0.0.1:8081") == found


def test_on_a_cluster_it_has_to_be_said() -> None:
    settings = Settings(Path(), platform="knative")
    with pytest.raises(InvalidRequest, match="CATNAP_ADVERTISE"):
        advertised(settings, "127.0.0.1:8081")
