"""One installation of Catnap on a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from catnap.errors import InvalidRequest
from catnap.services.cluster.names import DEFAULT_INSTALL, GATEWAY, MODELS, check_install


@dataclass(frozen=True, kw_only=True)
class Install:
    """name: its system namespace, and what every name of its own begins with.
    tenants: who has every skill. gateway, models: images, as a pod's spec names
    them. storage: the size of the gateway's volume. storage_class: empty for
    the cluster's default. eventing: whether the cluster has Knative Eventing.
    settings: the gateway's catnap.toml, empty for defaults; it holds no secret.
    files: what it names beside itself, by name; no secrets either. models_toml:
    which models there are, empty for what the model server has by itself. wakes:
    the Deployments, as `namespace/name`, that the gateway starts and stops for
    them. tls: whether
    there is a Secret TLS_SECRET with a certificate that the gateway shows.
    clients: whether those who come by TLS have to show one, too.
    replicated: whether its store is Postgres and its files are in a bucket; then
    there are two gateways, and no volume.

    Raises InvalidRequest.
    """

    name: str = DEFAULT_INSTALL
    tenants: tuple[str, ...] = ("default",)
    gateway: str = GATEWAY
    models: str = MODELS
    storage: str = "10Gi"
    storage_class: str = ""
    eventing: bool = True
    settings: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    models_toml: str = ""
    wakes: tuple[str, ...] = ()
    tls: bool = False
    clients: bool = False
    replicated: bool = False

    def __post_init__(self) -> None:
        check_install(self.name)
        if not self.tenants:
            raise InvalidRequest(f"install {self.name!r}: needs a tenant at least")
