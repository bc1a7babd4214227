"""What things are called on a cluster."""

from __future__ import annotations

import base64
import hashlib
import re

from catnap.errors import InvalidRequest

DEFAULT_INSTALL = "catnap"
GATEWAY = "catnap-gateway"
MODELS = "catnap-models"
ADMIN_SECRET = "catnap-admin"  # noqa: S105
"""The Secret with the platform's own key, under ADMIN_KEY. Made by a deploy."""
ADMIN_KEY = "key"
KEYS_SECRET = "catnap-keys"  # noqa: S105
"""The Secret with the keys that several gateways have in common. Made by a deploy."""
STORE_SECRET = "catnap-store"  # noqa: S105
"""The Secret with the store's URI, under STORE_URI, where it is Postgres."""
STORE_URI = "uri"
FILES_SECRET = "catnap-files"  # noqa: S105
"""The Secret with the environment of what reaches the bucket."""
TLS_SECRET = "catnap-tls"  # noqa: S105
"""The Secret with the gateway's certificate, where it shows one. Made by others:
tls.crt, tls.key, and ca.crt where clients have to show theirs."""
CALLBACK_PORT = 8081
"""Of the gateway, for what its skills call back."""

SETTINGS = "catnap-settings"
"""The ConfigMap with the gateway's catnap.toml."""

MODELS_SETTINGS = "catnap-models"
"""The ConfigMap with the models.toml of the gateway and of the model server."""

MANAGED_BY = "app.kubernetes.io/managed-by"
INSTALL = "catnap.dev/install"
"""Label: the installation that an object belongs to."""
TENANT = "catnap.dev/tenant"
"""Annotation: the tenant, as callers name it. A namespace's name may be a hash of it."""

_LONGEST = 63
"""Of a DNS label, which a namespace's name is."""
_INSTALL = re.compile(r"(?!kube-|knative-)[a-z]([a-z0-9-]{0,22}[a-z0-9])?\Z")
_PLAIN = re.compile(r"(?!.*--)[a-z0-9]([a-z0-9-]*[a-z0-9])?\Z")


def check_install(name: str) -> str:
    """Gives the name back. Raises InvalidRequest for one that names cannot be made of."""
    if not _INSTALL.match(name) or "--" in name:
        raise InvalidRequest(
            f"install {name!r}: must be up to 24 lower-case letters, digits and single '-', "
            "and not begin with 'kube-' or 'knative-'"
        )
    return name


def namespace_of(tenant: str, install: str = DEFAULT_INSTALL) -> str:
    """Where a tenant's skills live: two tenants of an installation never share it.

    A tenant that is no short DNS label gets what is readable of it and a hash,
    set off by `--`, which no plain name contains.
    """
    room = _LONGEST - len(install) - 1
    if len(tenant) <= room and _PLAIN.match(tenant):
        return f"{install}-{tenant}"
    whole = hashlib.sha256(tenant.encode()).digest()[:15]  # 24 letters, past anyone's guessing
    short = base64.b32encode(whole).decode().lower()
    readable = re.sub(r"[^a-z0-9]+", "-", tenant.lower())[: room - len(short) - 2].strip("-")
    return f"{install}-{readable or 'x'}--{short}"


def waker_of(install: str) -> str:
    """The Role, and its binding, by which the gateway scales models' Deployments
    in a namespace that is not its own."""
    return f"{install}-wakes-models"


def gateway_host(install: str) -> str:
    """The gateway's name inside the cluster."""
    return f"{GATEWAY}.{install}.svc.cluster.local"


def audience_of(install: str) -> str:
    """Whom a token must be made for, so that the gateway takes it: Knative
    Eventing puts one on each delivery of a Trigger whose subscriber names it."""
    return f"catnap.dev/gateway/{install}"
