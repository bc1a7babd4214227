"""The platform's own key, as a Secret of the cluster."""

from __future__ import annotations

from contextlib import suppress

from catnap.errors import Conflict, NotFound
from catnap.services.cluster.names import ADMIN_KEY, ADMIN_SECRET, INSTALL, MANAGED_BY
from catnap.services.knative.api import Api


async def ensure(api: Api, install: str, key: str) -> bool:
    """Keeps `key` unless there is one already: whoever holds that goes on with
    it. Gives whether it was kept."""
    place = f"/api/v1/namespaces/{install}/secrets"
    try:
        await api.get(f"{place}/{ADMIN_SECRET}")
    except NotFound:
        pass
    else:
        return False
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": ADMIN_SECRET,
            "namespace": install,
            "labels": {MANAGED_BY: "catnap", INSTALL: install},
        },
        "type": "Opaque",
        "stringData": {ADMIN_KEY: key},
    }
    with suppress(Conflict):  # another deploy was first, and its key counts
        await api.create(place, secret)
        return True
    return False
