"""What `catnap serve` listens at, and with which certificate."""

from __future__ import annotations

from typing import Literal

from catnap.cli.settings import Settings
from catnap.errors import InvalidRequest
from catnap.http.server_tls import TlsFiles

_TLS = "https://"


def listened(settings: Settings, name: Literal["http", "grpc"]) -> str:
    """host:port. Clients may read the same settings, and need to know that TLS
    is spoken there. Raises InvalidRequest where it cannot be."""
    address: str = getattr(settings, name)
    if address.startswith(_TLS) and settings.tls_cert is None:
        raise InvalidRequest(
            f"CATNAP_{name.upper()}: {address} needs a certificate: set CATNAP_TLS_CERT and "
            "CATNAP_TLS_KEY"
        )
    return address.removeprefix(_TLS)


def tls_files(settings: Settings) -> TlsFiles | None:
    """Raises InvalidRequest where one is given without another that it needs."""
    cert, key, client_ca = settings.tls_cert, settings.tls_key, settings.tls_client_ca
    if cert is not None and key is not None:
        if settings.clients and client_ca is None:
            raise InvalidRequest(
                "CATNAP_TLS_CLIENT_CA: without it nobody is asked for a certificate, and no "
                "[[clients]] are known"
            )
        return TlsFiles(cert, key, client_ca)
    if cert or key or client_ca:
        raise InvalidRequest(
            "CATNAP_TLS_CERT and CATNAP_TLS_KEY: give both, also beside CATNAP_TLS_CLIENT_CA"
        )
    return None
