"""The skills that are deployed on a cluster."""

from __future__ import annotations

import secrets
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from catnap.access import Accounts
from catnap.gateway.settings import Settings
from catnap.models.waking import Deployments
from catnap.services.catalog import Announce
from catnap.services.cluster.names import audience_of
from catnap.sessions.referee import Referee
from catnap.store import Store

if TYPE_CHECKING:
    from catnap.services.knative.cluster import Cluster


async def on_cluster(
    settings: Settings, announce: Announce, store: Store, parts: AsyncExitStack
) -> Cluster:
    """Returns when it knows the skills, the traffic and the pods there are.

    store: where gateways share it, they agree there on where sessions are at
    home. parts: takes what is to be ended.
    """
    # Here, so that no other platform pays for the Kubernetes client.
    from catnap.services.knative.api import Api
    from catnap.services.knative.cluster import Cluster

    referee = Referee(store, secrets.token_hex(8), time.time) if store.shared else None
    cluster = Cluster(Api.connect(), settings.install, announce, referee)
    parts.push_async_callback(cluster.close)
    await cluster.start()
    return cluster


def accounts_on(cluster: Cluster, settings: Settings) -> Accounts:
    """Service accounts whose tokens it vouches for."""
    from catnap.services.knative.tokens import review

    audience = audience_of(settings.install)
    return Accounts(
        audience,
        lambda token: review(cluster.api, token, audience),
        cluster.ingresses.tenant_of,
        settings.accounts,
    )


def deployments_on(cluster: Cluster) -> Deployments:
    """What runs the servers of models there."""
    from catnap.services.knative.scales import Scales

    return Scales(cluster.api)
