"""gRPC over TLS: the same files as HTTP's, looked at with each handshake, too."""

from __future__ import annotations

from typing import Any

import grpc

from catnap.http.server_tls import Renewed, TlsFiles, check


def credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """TLS 1.2 and newer, as gRPC has it. Raises InvalidRequest for files that
    are no good."""
    now = Renewed(files, _configuration)

    def renewed() -> Any:
        return now.value if now.look() else None  # None: nothing has changed

    return grpc.dynamic_ssl_server_credentials(
        now.value, renewed, require_client_authentication=files.client_ca is not None
    )


def _configuration(files: TlsFiles) -> grpc.ServerCertificateConfiguration:
    check(files)  # gRPC finds out with the first client, and logs it
    pair = (files.key.read_bytes(), files.cert.read_bytes())
    roots = files.client_ca.read_bytes() if files.client_ca else None
    return grpc.ssl_server_certificate_configuration([pair], root_certificates=roots)
