"""The whole platform, put together."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import time
from contextlib import AsyncExitStack
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from catnap.access import (
    Credentials,
    Grant,
    Grants,
    Key,
    KeyRing,
    Principal,
    admin_key,
    check_listen,
    grant_secret,
    shared_keys,
)
from catnap.access.audit import Audit
from catnap.access.audit_record import called
from catnap.access.audit_retention import Retention
from catnap.access.audit_rows import TABLES as AUDIT
from catnap.access.egress import Networks
from catnap.access.key_rows import KEYS
from catnap.access.key_store import KeyStore
from catnap.access.leases import leases
from catnap.access.limit_rows import LIMITS
from catnap.access.meter import Meter
from catnap.access.secret_rows import TABLES as SECRETS
from catnap.access.secrets import Secrets
from catnap.calls import Pipeline
from catnap.calls.accept import accept
from catnap.calls.accounting import Accounting
from catnap.calls.model_metrics import ModelMetrics
from catnap.calls.models import ModelCalls
from catnap.calls.server_metrics import ServerMetrics
from catnap.calls.wake_rows import WAKES
from catnap.calls.written import Kept, Written
from catnap.errors import Conflict, InvalidRequest
from catnap.events import Event
from catnap.files import TABLES as FILES
from catnap.files import Files, FolderStore, Links, Room, Scope, Sharing, Sweeper
from catnap.files.bounds import Bounds
from catnap.files.bucket import Bucket
from catnap.files.s3 import S3Store
from catnap.gateway.at_work import AtWork
from catnap.gateway.cluster import accounts_on, deployments_on, on_cluster
from catnap.gateway.egress import Proxy, Records
from catnap.gateway.here import here
from catnap.gateway.logs import Logs, PodLogs
from catnap.gateway.settings import Settings, advertised
from catnap.gateway.shared_models import SharedModels
from catnap.packages import Index, Packages
from catnap.services.catalog import Announce, Catalog
from catnap.services.platform import Platform
from catnap.sessions.rows import TABLES as HOMES
from catnap.snapshots.claimed import ABSENCE, HOLD
from catnap.store import Store
from catnap.tasks import TABLES, Journal, Retry, Task
from catnap.traces.file import traced
from catnap.workspaces import TABLES as WORKSPACES
from catnap.workspaces import Bounds as WorkspaceBounds
from catnap.workspaces import Expiry, Keeper, Workspaces

if TYPE_CHECKING:
    from catnap.services.knative.cluster import Cluster


@dataclass(frozen=True)
class Writer:
    """On whose account a file changes: with which roles its event wakes skills,
    and how many skills called one another to get here, so that no circle of
    them goes on for ever. skill: that writes, if one does."""

    roles: frozenset[str] = frozenset(("caller",))
    depth: int = 0
    skill: str = ""


writing: ContextVar[Writer] = ContextVar("writing", default=Writer())  # noqa: B039 (it is frozen)


class Gateway:
    """Everything the surfaces ask. `start` and `stop` once each."""

    catalog: Catalog
    platform: Platform
    logs: Logs | PodLogs
    keeper: Keeper | None = None
    """Who has the sessions' folders, where instances may have any."""
    packages: Packages | None = None
    """What sessions install from, where the settings name an index."""
    cluster: Cluster | None = None
    """Where the skills run on one: its Table says whose hosts are answered here."""

    def __init__(self, settings: Settings, announce: Announce) -> None:
        addresses = (settings.http, settings.grpc, settings.callback, settings.egress)
        for address in (*addresses, settings.plain):
            if address:
                check_listen(address, bool(settings.admin_key))
        self.settings = settings
        self.ready = False
        """Whether calls can be taken: between the start's end and the stop."""
        self.leaving = False
        """Whether new calls had better go elsewhere; those that come are made."""
        self.started = False
        """Whether there is a pipeline: instances outlive a gateway on a cluster
        and may call back before there is one."""
        self._announce = announce
        self._parts = AsyncExitStack()
        """Each part's end, so that a stop finds those there are, whatever
        failed, and in the opposite order of their beginning."""
        home = settings.home
        self._parts.callback(_lock(home).close)
        self.tracer = self._parts.enter_context(traced(settings.traces, "catnap"))
        admin = Key.of(settings.admin_key or admin_key(home), name="admin", roles=("admin",))
        self.keys = KeyRing((admin, *settings.keys))
        self.credentials = Credentials(
            self.keys, issuers=settings.issuers, clients=settings.clients
        )
        self._parts.push_async_callback(self.credentials.close)
        secret = grant_secret(home)
        self.grants = Grants(secret)
        self.leases = leases(secret)
        components = [
            *(TABLES, AUDIT, FILES, KEYS, LIMITS, SECRETS, WORKSPACES, HOMES, WAKES),
            shared_keys.TABLES,
        ]
        self.store = Store(settings.store or home / "catnap.db", components)
        self._parts.callback(self.store.close)
        self.audit = Audit(self.store, home / "audit", secret)
        self._parts.push_async_callback(self.audit.close)
        self.secrets = Secrets(self.store, home, keeper=settings.secrets_key)
        networks = Networks.parse(settings.egress_networks)
        records = Records(self.audit.later)
        self.at_work = AtWork(self._holds)
        self._parts.push_async_callback(self.at_work.close)
        self.egress = Proxy(self.grants.verify, self.at_work, records, networks=networks)
        if settings.index:
            self.packages = Packages(Index.parse(settings.index), home / "packages")
            self._parts.callback(self.packages.close)
        self.issued = KeyStore(self.store, self.keys)
        # The lock of its state folder makes the name its own.
        self.journal = Journal(self.store, f"{socket.gethostname()}:{home.resolve()}")
        self.meter = Meter(self.store, time.time, settings.limits)
        objects = _objects(settings)
        self._parts.callback(objects.close)
        written = Written(self.meter.limiter, lambda: writing.get().skill)
        bounds = Bounds.parse(settings.files_bounds)
        self.workspaces = Workspaces(
            *(objects, self.store, WorkspaceBounds.within(bounds.scope)),
            allowance=Kept(self.meter.limiter),
        )
        room = Room(self.store, objects, bounds.scope, time.time)
        self.files = Files(objects, self._on_file, allowance=written, room=room)
        self._parts.push_async_callback(self.files.settle)
        self.links = Links(secret)
        self.sharing = Sharing(self.files, objects, self.links, time.time, room)
        self.sweeper = Sweeper(self.files, self.store, bounds.keep, time.time)
        self.expiry = Expiry(self.workspaces, bounds.sessions, time.time)

    async def start(self, callback: str, egress: str) -> None:
        """Starts every part. callback, egress: where instances reach the
        gateway and the proxy that they leave by, host:port; on a cluster they
        are told with their deployment."""
        if self.store.shared:
            await shared_keys.check(self.store, self.settings.home)
            self.at_work.own = advertised(self.settings, callback)
        self._parts.push_async_callback(self.issued.stop)
        await self.secrets.start()
        await self.issued.start()
        await self.meter.start()
        self._parts.push_async_callback(self.meter.stop)
        shared = self.shared_models = SharedModels(self.settings, self._announce)
        self._parts.push_async_callback(shared.close)
        metrics = self.model_metrics = ModelMetrics(shared.registry)
        self.server_metrics = ServerMetrics(shared.registry)
        account = Accounting(self.meter.limiter, self.meter.models, metrics)
        self.models = ModelCalls(shared.registry, self.meter.limiter, account, self.tracer)
        async with asyncio.TaskGroup() as group:
            group.create_task(shared.start())
            group.create_task(self._skills(callback, egress))
        if self.cluster:
            shared.wake_by(deployments_on(self.cluster), self.store)
        self.pipeline = Pipeline(
            self.catalog,
            self.platform,
            self.journal,
            self.grants,
            Retry(first=self.settings.retry),
            self._called if self.settings.audit == "calls" else None,
            limits=self.meter.limiter,
            gateway=self.at_work.own,
            tracer=self.tracer,
        )
        for each in (metrics, self.server_metrics):
            self.pipeline.metrics.registry.register(each)
        await self.workspaces.excuse(ABSENCE, HOLD)
        self.started = True
        again = await self.pipeline.start()
        self._parts.push_async_callback(self.pipeline.stop)
        # Ends first: what it removes is told through the pipeline.
        sweeping = asyncio.create_task(self.sweeper.run())
        self._parts.callback(sweeping.cancel)
        expiring = asyncio.create_task(self.expiry.run())
        self._parts.callback(expiring.cancel)
        if self.settings.audit_keep:
            retention = Retention(self.audit, self.settings.audit_keep, time.time)
            cutting = asyncio.create_task(retention.run())
            self._parts.callback(cutting.cancel)
        if again:
            self._announce(f"{again} tasks that a crash broke off are taken up again")
        self.ready = True

    async def _skills(self, callback: str, egress: str) -> None:
        settings, announce, parts = self.settings, self._announce, self._parts
        if settings.platform == "knative":
            self.cluster = await on_cluster(settings, announce, self.store, parts)
            self.credentials.accounts = accounts_on(self.cluster, settings)
            self.catalog, self.platform = self.cluster.catalog, self.cluster.platform
            self.logs = PodLogs(self.cluster.namespace)
        else:
            logs = Logs(settings.home / "logs")
            parts.push_async_callback(logs.flush)
            self.catalog, self.platform, self.keeper = await here(
                settings, callback, egress, logs, announce, self.workspaces, self.secrets, parts
            )
            self.logs = logs

    @property
    def replicated(self) -> bool:
        """Whether other gateways take the calls that this one does not."""
        return self.cluster is not None and self.store.shared

    def leave(self) -> None:
        """Lets whoever looks send calls elsewhere."""
        self.leaving = True
        self.pipeline.delivery.rest()

    def quiesce(self) -> None:
        """Takes no more calls and ends what would never end by itself."""
        self.ready = False
        self.logs.end()

    async def stop(self) -> None:
        """Ends every process; what was at work goes on after the next start."""
        await self._parts.aclose()

    def _holds(self, grant: Grant) -> bool:
        # The proxy listens first, so that instances can be told where.
        return hasattr(self, "pipeline") and self.pipeline.live.holds(grant)

    def _called(self, principal: Principal, task: Task, outcome: str) -> None:
        self.audit.later(
            called(
                tenant=task.tenant,
                principal=principal.name,
                user=task.user,
                skill=task.skill,
                task=task.id,
                outcome=outcome,
                now=time.time(),
            )
        )

    async def _on_file(self, event: Event, scope: Scope) -> None:
        writer = writing.get()
        principal = Principal(scope.tenant, scope.user, writer.roles, "files")
        await accept(self.pipeline, event, principal, depth=writer.depth)


def _objects(settings: Settings) -> FolderStore | S3Store:
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
