"""A gateway that is asked before it is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from catnap.errors import Unavailable
from catnap.gateway.gateway import Gateway
from catnap.gateway.routes import Routes
from catnap.gateway.settings import Settings
from catnap.http import Request


@pytest.mark.parametrize("path", ["/callback/skills/echo", "/skills/echo", "/healthz"])
async def test_whoever_comes_before_it_has_started_is_told_to_come_again(
    tmp_path: Path, path: str
) -> None:
    gateway = Gateway(Settings(home=tmp_path, http="127.0.0.1:0"), lambda line: None)
    routes = Routes(gateway)
    with pytest.raises(Unavailable, match="starting") as caught:
        await routes(Request("GET", path, {}))
    assert caught.value.retry_after == 1
    await routes.close()
    await gateway.stop()
