"""What `/platform/models` tells of models and their servers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from catnap.access import Key
from catnap.calls.models import Asker
from catnap.gateway.gateway import Gateway
from catnap.gateway.shared_models import SharedModels
from catnap.http import Client, Target
from tests.gateway.local import ADMIN, started
from tests.models.upstreams import oip_upstreams, tensor_request

WATCHER = "watcher-key-0123456789"
KEYS = (Key.of(WATCHER, name="watcher", roles=("operator",), tenant="acme"),)


def table(name: str, server: str, more: str = "") -> str:
    return f'[{name}]\nservers = ["{server}"]\n{more}\n'


async def seen(where: Target, key: str, path: str = "/platform/models") -> Any:
    client = Client()
    try:
        headers = [(b"authorization", f"Bearer {key}".encode())]
        reply = await client.request(where, "GET", path, headers)
        assert reply.status == 200
        return msgspec.json.decode(await reply.read())
    finally:
        await client.close()


def by_name(found: Any) -> dict[str, Any]:
    return {each["name"]: each for each in found["models"]}


async def ask(gateway: Gateway, name: str) -> None:
    await gateway.models.infer(Asker(("acme", "ann", ""), 20), tensor_request(name))


async def test_servers_and_requests_are_told(tmp_path: Path) -> None:
    async with oip_upstreams() as [server]:
        file = tmp_path / "models.toml"
        file.write_text(
            table("one", server.address, 'tenants = ["acme"]\nprices = { milliseconds = 2.0 }')
            + table("two", "127.0.0.1:1", 'tenants = ["rival"]\nversion = "1"')
            + 'canary = { version = "2", percent = 10 }\n'
        )
        async with started(tmp_path, keys=KEYS, models_file=file) as (gateway, where):
            await ask(gateway, "one")
            found = await seen(where, ADMIN)
            names = [(each["name"], each["version"]) for each in found["models"]]
            assert names == [("minilm-l6-v2", "1"), ("one", ""), ("two", "1"), ("two", "2")]
            one = by_name(found)["one"]
            assert (one["requests"], one["failed"], one["prices"]["milliseconds"]) == (1, 0, 2)
            assert 0 < one["p50"] <= one["p95"]
            [told] = one["servers"]
            assert (told["address"], told["state"], told["inflight"]) == (
                *(server.address, "healthy", 0),
            )
            assert found["models"][3]["canary"] == 10
            assert found["problem"] == ""


async def test_a_server_that_is_left_alone_says_until_when(tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    file.write_text(table("one", "127.0.0.1:1"))
    async with started(tmp_path, models_file=file) as (gateway, where):
        pool = gateway.models.registry.find("one", "", "acme").served.pool
        for _ in range(5):
            pool.servers[0].health.failed(pool.clock())
        [told] = by_name(await seen(where, ADMIN))["one"]["servers"]
        assert told["state"] == "ejected"
        assert 0 < told["back"] <= 1


async def test_a_tenants_operator_sees_its_models_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SharedModels, "problem", "[two] is wrong")
    file = tmp_path / "models.toml"
    file.write_text(
        table("one", "o:1", 'tenants = ["acme", "rival"]')
        + table("two", "t:1", 'tenants = ["rival"]')
    )
    async with started(tmp_path, keys=KEYS, models_file=file) as (_, where):
        found = await seen(where, WATCHER)
        assert [*by_name(found)] == ["minilm-l6-v2", "one"]
        assert by_name(found)["one"]["tenants"] == ["acme"]
        assert found["problem"] == ""
        assert (await seen(where, WATCHER, "/platform"))["models"] == ""
        assert (await seen(where, ADMIN))["problem"] == "[two] is wrong"
        assert (await seen(where, ADMIN, "/platform"))["models"] == "[two] is wrong"
