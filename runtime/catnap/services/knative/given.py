"""Secrets of the cluster that an installation is given once."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from contextlib import suppress

from catnap.errors import Conflict, InvalidRequest, NotFound
from catnap.services.cluster.names import (
    ADMIN_SECRET,
    FILES_SECRET,
    GATEWAY,
    INSTALL,
    KEYS_SECRET,
    MANAGED_BY,
    STORE_SECRET,
    STORE_URI,
)
from catnap.services.knative.api import Api
from catnap.services.knative.order import Order

Secrets = Mapping[str, Mapping[str, str]]
"""What Secrets hold, by their names."""


def needed(order: Order) -> tuple[str, ...]:
    """The Secrets that the order's gateways read."""
    replicated = order.whole and order.install.replicated
    return (ADMIN_SECRET, KEYS_SECRET, STORE_SECRET) if replicated else (ADMIN_SECRET,)


async def stored(api: Api, order: Order, secrets: Secrets) -> bool:
    """Whether the store is Postgres, as `secrets` say or the cluster knows.

    Raises Conflict where these differ, and InvalidRequest where nobody says in
    which bucket the files are.
    """
    name = order.install.name
    wanted = secrets.get(STORE_SECRET, {}).get(STORE_URI)
    known = (await find(api, name, STORE_SECRET) or {}).get(STORE_URI)
    if wanted and known and wanted != known:
        raise Conflict(
            f"CATNAP_STORE: Secret {name}/{STORE_SECRET} names another one: leave it out, or "
            f"change the Secret and `kubectl -n {name} rollout restart deployment/{GATEWAY}`"
        )
    if not (wanted or known):
        return False
    if not order.bucket and "CATNAP_FILES" not in (await find(api, name, FILES_SECRET) or {}):
        raise InvalidRequest(
            "CATNAP_FILES: gateways that share a store need their files in a bucket: "
            "s3://name?endpoint=URL"
        )
    return True


async def find(api: Api, install: str, name: str) -> dict[str, str] | None:
    """What a Secret holds; None where there is none."""
    with suppress(NotFound):
        secret = await api.get(f"{_place(install)}/{name}")
        data: Mapping[str, str] = secret.get("data") or {}
        return {key: b64decode(value).decode("utf-8", "replace") for key, value in data.items()}
    return None


async def ensure(api: Api, install: str, name: str, values: Mapping[str, str]) -> None:
    """Keeps the values unless there is such a Secret already: whoever holds what
    it says goes on with that."""
    if await find(api, install, name) is not None:
        return
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": install,
            "labels": {MANAGED_BY: "catnap", INSTALL: install},
        },
        "type": "Opaque",
        "stringData": dict(values),
    }
    with suppress(Conflict):  # another deploy was first, and its values count
        await api.create(_place(install), secret)


def _place(install: str) -> str:
    return f"/api/v1/namespaces/{install}/secrets"
