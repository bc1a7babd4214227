"""A certificate authority that nobody but a test trusts."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from catnap.http.client_tls import client_context
from catnap.http.server_tls import TlsFiles

LONG = timedelta(days=2)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as PEM."""

    cert: Path
    key: Path


class Authority:
    """file: its own certificate, which others have to trust."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        own = self._builder(self._name, self._key, LONG).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(self._signed(own))

    def issue(
        self, name: str, *sans: str, lasts: timedelta = LONG, files: Pair | None = None
    ) -> Pair:
        """sans: host names, or URIs where there is a `://` in them. files: where
        it goes; by default into new ones."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        built = self._builder(subject, key, lasts)
        if sans:
            names: list[x509.GeneralName] = [
                x509.UniformResourceIdentifier(each) if "://" in each else x509.DNSName(each)
                for each in sans
            ]
            built = built.add_extension(x509.SubjectAlternativeName(names), critical=False)
        pair = files or Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        pair.cert.write_bytes(self._signed(built))
        pair.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return pair

    def serving(self, *, clients: bool = False) -> TlsFiles:
        """Of a server on this machine. clients: who have to show theirs."""
        pair = self.issue("server", "localhost")
        return TlsFiles(pair.cert, pair.key, self.file if clients else None)

    def trusted(self, own: Pair | None = None) -> ssl.SSLContext:
        """A client's. own: what it shows."""
        pair = (str(own.cert), str(own.key)) if own else ("", "")
        return client_context(str(self.file), *pair)

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, lasts: timedelta
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - LONG)
            .not_valid_after(now + lasts)
        )

    def _signed(self, builder: x509.CertificateBuilder) -> bytes:
        made = builder.sign(self._key, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.PEM)
