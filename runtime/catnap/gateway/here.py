"""The skills of a folder as processes of this machine."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from catnap.access.principal import DEFAULT_TENANT
from catnap.access.secrets import Secrets
from catnap.gateway.logs import Logs
from catnap.gateway.settings import Settings
from catnap.gateway.watch import take_up_edits
from catnap.services.catalog import Announce
from catnap.services.folder import FolderCatalog
from catnap.services.local import LocalPlatform
from catnap.workspaces import Keeper, Workspaces


async def here(
    settings: Settings,
    callback: str,
    egress: str,
    logs: Logs,
    announce: Announce,
    workspaces: Workspaces,
    secrets: Secrets,
    parts: AsyncExitStack,
) -> tuple[FolderCatalog, LocalPlatform, Keeper]:
    """Starts what the skills run on, and builds each of them.

    callback, egress: where instances reach the gateway and the proxy that
    they leave by, host:port. parts: takes what
    is to be ended.
    """
    keeper = Keeper(workspaces, settings.home)
    parts.push_async_callback(keeper.close)
    platform = LocalPlatform(
        *(settings.home, callback, logs.write),
        egress=egress,
        keeping=keeper,
        secrets=secrets.of,
    )
    parts.push_async_callback(platform.close)
    tenants = {DEFAULT_TENANT, *(key.tenant for key in settings.keys)}
    catalog = FolderCatalog(settings.functions, settings.home, platform, announce, tenants)
    async with asyncio.TaskGroup() as group:
        group.create_task(platform.warm())
        group.create_task(catalog.load())
    if settings.reload:
        watching = asyncio.create_task(take_up_edits(catalog, settings.functions, announce))
        parts.callback(watching.cancel)
    return catalog, platform, keeper
