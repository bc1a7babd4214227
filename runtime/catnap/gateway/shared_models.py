"""The models of models.toml, and the server of our own that some of them need."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress

from catnap.calls.wake_rows import StoredUses
from catnap.errors import InvalidRequest
from catnap.gateway.model_server import ModelServer
from catnap.gateway.settings import Settings
from catnap.inference import grpc_service_pb2 as oip
from catnap.models.oip_server import OipServer
from catnap.models.own import complete, placed, served
from catnap.models.registry import Registry
from catnap.models.settings import Model, Models
from catnap.models.verdict import UpstreamError
from catnap.models.waking import Deployments, Waking
from catnap.models.watched import Watched
from catnap.services.catalog import Announce
from catnap.store import Store

LOAD = 60.0
"""Seconds that our own server is waited for when it is to have a model more."""


class SharedModels:
    """registry: empty until `start`."""

    def __init__(self, settings: Settings, announce: Announce) -> None:
        """Raises InvalidRequest for a models.toml that is wrong; but a gateway of a
        cluster, which nobody watches while it starts, goes on without it."""
        self._file = Watched(settings.models_file, announce) if settings.models_file else None
        self._first = self._read(settings)
        self.registry = Registry()
        self._announce = announce
        self._reload = settings.reload
        self._parts = AsyncExitStack()
        self._parts.push_async_callback(self.registry.close)
        self._address = settings.models
        self._server: ModelServer | None = None
        if not self._address:
            # A short path of its own: a Unix socket's may have 107 bytes.
            folder = tempfile.TemporaryDirectory(prefix="catnap-")
            self._parts.callback(folder.cleanup)
            self._address = f"unix:{folder.name}/models.sock"
            self._server = ModelServer(
                settings.home, self._address, settings.models_file, settings.traces
            )
            self._parts.push_async_callback(self._server.close)
        self._ours: frozenset[str] | None = None
        self._models: Mapping[str, Model] = {}

    @property
    def problem(self) -> str:
        """What is wrong with models.toml as it is now; empty for nothing."""
        return self._file.problem if self._file else ""

    def _read(self, settings: Settings) -> Models:
        if self._file is None:
            return Models()
        try:
            return self._file.first()
        except InvalidRequest as error:
            if settings.platform != "knative":
                raise
            self._file.refuse(error)
            return Models()

    async def start(self) -> None:
        """Ready when our own server is, where it is needed. Raises Unavailable."""
        await self._change(self._first)
        if self._file and self._reload:
            watching = asyncio.create_task(self._file.run(self._change))
            self._parts.callback(watching.cancel)

    def wake_by(self, deployments: Deployments, store: Store) -> None:
        """Models that may be at zero are woken from now on. store: where gateways
        agree on when one was last asked."""
        waking = self.registry.waking = Waking(deployments, StoredUses(store), self._announce)
        self._parts.push_async_callback(waking.close)
        self.registry.change(self._models)

    async def close(self) -> None:
        await self._parts.aclose()

    async def _change(self, config: Models) -> None:
        config = complete(config)
        ours = frozenset(name for name, model in served(config) if not model.servers)
        if self._server and ours:
            await self._server.start()
        models = placed(config, self._address).models
        if self._ours is not None and (new := ours - self._ours):
            # Nobody else's change waits for what is loaded.
            self.registry.change({k: each for k, each in models.items() if k not in new})
            await asyncio.gather(*(self._loaded(name) for name in new))
        self._ours, self._models = ours, models
        self.registry.change(models)
        if self._server and not ours:
            await self._server.close()

    async def _loaded(self, name: str) -> None:
        """Returns when our own server has the model: it reads models.toml, too."""
        server = OipServer(self._address, name)
        asked = oip.ModelReadyRequest(name=name).SerializeToString()
        try:
            async with asyncio.timeout(LOAD):
                while True:
                    with suppress(UpstreamError):
                        answer = await server.ask("ModelReady", asked, 2.0)
                        if oip.ModelReadyResponse.FromString(answer).ready:
                            return
                    await asyncio.sleep(0.1)
        except TimeoutError:
            self._announce(f"model {name!r} is not loaded after {LOAD:.0f} s: see its server's log")
        finally:
            await server.close()
