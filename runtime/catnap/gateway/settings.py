"""What `catnap serve` is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from catnap.access import Key
from catnap.access.account_roles import AccountRoles
from catnap.access.limits import Limit
from catnap.access.mtls import ClientName
from catnap.access.oidc import Issuer
from catnap.errors import InvalidRequest
from catnap.http.server_tls import TlsFiles
from catnap.tasks import Retry


@dataclass(frozen=True)
class Settings:
    """home: the state folder. http, grpc: addresses to listen on; port 0
    takes a free one. functions: the folder of skills. files: an S3 bucket as
    s3://name?endpoint=URL, empty for a folder in home. files_bounds: how much scopes
    hold and how long sessions and tasks keep it; see catnap.files.bounds. store: the
    postgresql:// URI of what must last, empty for a file in home. admin_key: empty for
    the generated one. keys: further keys. issuers: whose tokens are taken. accounts:
    what service accounts of the cluster may.
    retry: seconds before a delivery that failed is made again, doubling each
    time. reload: take edited skills up.
    models: where a model server of ours answers, empty for one of the gateway's own.
    models_file: which models there are, see catnap.models.file; None for those that
    server has by itself. platform:
    what skills run on, `local` for processes of this machine. install: on a
    cluster, the name of this installation. callback: an address where nothing
    but what skills call back is answered, empty for http. advertise: the name or address
    of this gateway for others that share its store and for their skills, empty for that
    of callback. egress: the address of the proxy
    that skills leave by. egress_networks: private networks that it may reach,
    and public ones that it may not; see catnap.access.egress.Networks. audit: what is
    recorded, denials and administrative `actions`, or with them all `calls`.
    audit_keep: seconds for which it is kept; 0 for ever. secrets_key: where the
    key is that secrets are encrypted with, in home or in this user's keyring.
    index: what sessions install from, empty for none. traces: the file that spans
    of calls and of requests to models are added to, None for none.
    limits: what tenants, users and skills may use. tls: the certificate that
    http and grpc are answered with; None for neither. plain: an address where
    HTTP is answered without, all the same: what probes and Brokers of a cluster
    speak. clients: who is known by a certificate of tls.client_ca.
    """

    home: Path
    http: str = "127.0.0.1:8080"
    grpc: str = "127.0.0.1:9000"
    functions: Path = Path("functions")
    files: str = ""
    files_bounds: str = ""
    store: str = field(default="", repr=False)
    admin_key: str = ""
    keys: tuple[Key, ...] = ()
    issuers: tuple[Issuer, ...] = ()
    accounts: tuple[AccountRoles, ...] = ()
    limits: tuple[Limit, ...] = ()
    retry: float = Retry().first
    reload: bool = True
    models: str = ""
    models_file: Path | None = None
    platform: Literal["local", "knative"] = "local"
    install: str = "catnap"
    callback: str = ""
    advertise: str = ""
    egress: str = "127.0.0.1:0"
    egress_networks: str = ""
    index: str = field(default="", repr=False)
    traces: Path | None = None
    audit: Literal["actions", "calls"] = "actions"
    audit_keep: float = 0.0
    secrets_key: Literal["file", "keyring"] = "file"
    tls: TlsFiles | None = None
    plain: str = ""
    clients: tuple[ClientName, ...] = ()


def advertised(settings: Settings, callback: str) -> str:
    """Where other gateways and the skills of a cluster reach this one's callbacks.

    callback: where this machine does, host:port. Raises InvalidRequest on a
    cluster where it is not said: there, each pod has an address of its own; and
    where what this machine reaches is on loopback alone.
    """
    if not settings.advertise:
        if settings.platform == "knative":
            raise InvalidRequest(
                "CATNAP_ADVERTISE: gateways that share a store on a cluster need it: the address "
                "of the gateway's pod"
            )
        return callback
    if settings.tls and not settings.callback:
        raise InvalidRequest(
            "CATNAP_CALLBACK: gateways with a certificate that share a store need it: an address "
            "that the others reach, where callbacks are answered without TLS"
        )
    host, port = settings.advertise, callback.rpartition(":")[2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
