"""What the servers of models say of themselves, each asked once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from catnap.errors import CatnapError
from catnap.http import Client, Target
from catnap.inference import grpc_service_pb2 as oip
from catnap.models.oip_server import OipServer
from catnap.models.own import placed, served
from catnap.models.settings import Model, Models
from catnap.models.verdict import UpstreamError


@dataclass
class Answered:
    """live: whether anybody answered. there: whether they have the model; None
    where nobody can say. seconds: that the last answer took. about: what they say
    of the model. problem: what is wrong; empty for nothing."""

    model: str
    server: str
    live: bool = False
    there: bool | None = None
    seconds: float | None = None
    about: str = ""
    problem: str = ""


def ask_all(
    config: Models, ours: str, timeout: float, environment: Mapping[str, str]
) -> list[Answered]:
    """ours: where our own server is; where that is not known, it is looked whether
    the folders are there that it would load. timeout: seconds for one answer."""
    alone = [] if ours else [each for each in served(config) if not each[1].servers]
    folders = [_folder(name, model) for name, model in alone if model.folder]
    return folders + asyncio.run(_ask_all(placed(config, ours), timeout, environment))


def _folder(name: str, model: Model) -> Answered:
    there = Path(model.folder).is_dir()
    return Answered(
        name,
        model.folder,
        there=there,
        problem="" if there else f"folder: there is no {model.folder}",
    )


async def _ask_all(
    config: Models, timeout: float, environment: Mapping[str, str]
) -> list[Answered]:
    asking = [
        _ask(name, model, server, timeout, environment)
        for name, model in sorted(config.models.items())
        for server in _servers(model)
    ]
    return list(await asyncio.gather(*asking))


def _servers(model: Model) -> list[str]:
    servers = [*model.servers, *(model.canary.servers if model.canary else ())]
    return [each for each in dict.fromkeys(servers) if each]


async def _ask(
    name: str, model: Model, server: str, timeout: float, environment: Mapping[str, str]
) -> Answered:
    found = Answered(name, server)
    try:
        if model.protocol == "oip":
            await _oip(found, model.at_servers or name, timeout)
        else:
            await _openai(found, model, model.at_servers or name, timeout, environment)
    except UpstreamError as error:
        found.problem = error.error.message + (f": {error.detail}" if error.detail else "")
    except CatnapError as error:
        found.problem = error.message
    except TimeoutError:
        found.problem = f"no answer within {timeout:g} s"
    return found


async def _oip(found: Answered, name: str, timeout: float) -> None:
    server = OipServer(found.server, found.model)
    try:
        live = await server.ask("ServerLive", b"", timeout)
        found.live = oip.ServerLiveResponse.FromString(live).live
        asked = oip.ModelReadyRequest(name=name).SerializeToString()
        ready = await server.ask("ModelReady", asked, timeout)
        found.there = oip.ModelReadyResponse.FromString(ready).ready
        began = time.perf_counter()
        asked = oip.ModelMetadataRequest(name=name).SerializeToString()
        told = oip.ModelMetadataResponse.FromString(
            await server.ask("ModelMetadata", asked, timeout)
        )
        found.seconds = time.perf_counter() - began
        found.about = _about(told)
        if not found.there:
            found.problem = f"it has {name!r}, and it is not ready"
    finally:
        await server.close()


def _about(told: oip.ModelMetadataResponse) -> str:
    inputs = ", ".join(each.name for each in told.inputs)
    outputs = ", ".join(each.name for each in told.outputs)
    tensors = f": {inputs} -> {outputs}" if told.inputs else ""
    versions = f" {', '.join(told.versions)}" if told.versions else ""
    return f"{told.platform}{versions}{tensors}"


class _Listed(msgspec.Struct):
    id: str = ""


class _Models(msgspec.Struct):
    data: list[_Listed] = msgspec.field(default_factory=list)


async def _openai(
    found: Answered, model: Model, name: str, timeout: float, environment: Mapping[str, str]
) -> None:
    headers = []
    if model.key_env:
        key = environment.get(model.key_env, "")
        if not key:
            found.problem = f"key_env: {model.key_env} is not set here"
            return
        headers.append((b"authorization", b"Bearer " + key.encode()))
    address, _, path = found.server.partition("://")[2].partition("/")
    scheme = found.server.partition("://")[0]
    client = Client()
    try:
        async with asyncio.timeout(timeout):
            began = time.perf_counter()
            reply = await client.request(
                Target.parse(f"{scheme}://{address}"),
                "GET",
                f"/{path}".rstrip("/") + "/v1/models",
                headers,
            )
            said = await reply.read()
            found.seconds = time.perf_counter() - began
    finally:
        await client.close()
    found.live = True
    if reply.status != 200:
        found.problem = f"GET /v1/models: status {reply.status}"
        return
    try:
        names = [each.id for each in msgspec.json.decode(said, type=_Models).data]
    except msgspec.DecodeError as error:
        found.problem = f"GET /v1/models: no list of models: {error}"
        return
    found.there = name in names
    found.about = ", ".join(names)
    if not found.there:
        found.problem = f"it has no {name!r}: {found.about or 'nothing'}"
