"""The whole platform, put together."""

from __future__ import annotations

import asyncio
import fcntl
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from catnap.access import Grants, Key, KeyRing, Principal, admin_key, check_listen, grant_secret
from catnap.access.principal import DEFAULT_TENANT
from catnap.calls import Pipeline
from catnap.calls.accept import accept
from catnap.errors import Conflict, InvalidRequest
from catnap.events import Event
from catnap.files import Files, FolderStore, Scope
from catnap.files.s3 import Bucket, S3Store
from catnap.gateway.logs import Logs
from catnap.gateway.model_server import ModelServer
from catnap.gateway.settings import Settings
from catnap.gateway.watch import take_up_edits
from catnap.models.registry import Entry, Registry
from catnap.models.remote import Remote
from catnap.services.folder import FolderCatalog
from catnap.services.local import LocalPlatform
from catnap.tasks import Journal, Retry

MODEL = "minilm-l6-v2"


@dataclass(frozen=True)
class Writer:
    """On whose account a file changes: with which roles its event wakes skills,
    and how many skills called one another to get here, so that no circle of
    them goes on for ever."""

    roles: frozenset[str] = frozenset(("caller",))
    depth: int = 0


writing: ContextVar[Writer] = ContextVar("writing", default=Writer())  # noqa: B039 (it is frozen)

Announce = Callable[[str], None]


class Gateway:
    """Everything the surfaces ask. `start` and `stop` once each."""

    def __init__(self, settings: Settings, announce: Announce) -> None:
        for address in (settings.http, settings.grpc):
            check_listen(address, bool(settings.admin_key))
        self.settings = settings
        self.ready = False
        """Whether calls can be taken: between the start's end and the stop."""
        self._announce = announce
        self._parts = AsyncExitStack()
        """Each part's end, so that a stop finds those there are, whatever
        failed, and in the opposite order of their beginning."""
        home = settings.home
        self._parts.callback(_lock(home).close)
        admin = Key.of(settings.admin_key or admin_key(home), name="admin", roles=("admin",))
        self.keys = KeyRing((admin, *settings.keys))
        self.grants = Grants(grant_secret(home))
        self.journal = Journal(home / "catnap.db")
        self._parts.callback(self.journal.close)
        self.logs = Logs(home / "logs")
        self._parts.push_async_callback(self.logs.flush)
        store = _store(settings)
        self._parts.callback(store.close)
        self.files = Files(store, self._on_file)
        self._parts.push_async_callback(self.files.settle)

    async def start(self, callback: str) -> None:
        """Starts every part. callback: where instances reach the gateway,
        host:port."""
        settings = self.settings
        model_server = self._models()
        self.platform = LocalPlatform(settings.home, callback, self.logs.write)
        self._parts.push_async_callback(self.platform.close)
        tenants = {DEFAULT_TENANT, *(key.tenant for key in settings.keys)}
        self.catalog = FolderCatalog(
            settings.functions, settings.home, self.platform, self._announce, tenants
        )
        self.pipeline = Pipeline(
            self.catalog, self.journal, self.grants, Retry(first=settings.retry)
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(model_server.start())
            group.create_task(self.platform.warm())
            group.create_task(self.catalog.load())
        await self.catalog.collect()
        again = await self.pipeline.start()
        self._parts.push_async_callback(self.pipeline.stop)
        if again:
            self._announce(f"{again} tasks that a crash broke off are taken up again")
        if settings.reload:
            watching = asyncio.create_task(
                take_up_edits(self.catalog, settings.functions, self._announce)
            )
            self._parts.callback(watching.cancel)
        self.ready = True

    def _models(self) -> ModelServer:
        # A short path of its own: a Unix socket's may have 107 bytes.
        folder = tempfile.TemporaryDirectory(prefix="catnap-")
        self._parts.callback(folder.cleanup)
        address = f"unix:{folder.name}/models.sock"
        server = ModelServer(self.settings.home, address)
        self._parts.push_async_callback(server.close)
        remote = Remote(address)
        self._parts.push_async_callback(remote.close)
        self.models = Registry({MODEL: Entry(MODEL, remote, ("embed", "infer"), 384, 256, "1")})
        return server

    def quiesce(self) -> None:
        """Takes no more calls and ends what would never end by itself."""
        self.ready = False
        self.logs.end()

    async def stop(self) -> None:
        """Ends every process; what was at work goes on after the next start."""
        await self._parts.aclose()

    async def _on_file(self, event: Event, scope: Scope) -> None:
        writer = writing.get()
        principal = Principal(scope.tenant, scope.user, writer.roles, "files")
        await accept(self.pipeline, event, principal, depth=writer.depth)


def _store(settings: Settings) -> FolderStore | S3Store:
    if settings.files:
        return S3Store(Bucket.parse(settings.files))
    return FolderStore(settings.home / "files")


def _lock(home: Path) -> IO[str]:
    """One gateway per state folder. Raises Conflict where another runs."""
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (home / "gateway.lock").open("w")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Conflict(
            f"another gateway uses {home}: stop it, or set CATNAP_HOME to another folder"
        ) from None
    except OSError as error:
        raise InvalidRequest(f"CATNAP_HOME {home}: {error.strerror}") from None
    return lock
