"""Certificates that clients show. TLS has found before that they hold the keys,
and that the authority vouches for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from cryptography import x509

from catnap.access.mtls import ClientName, is_uri, principal_of
from catnap.access.principal import Principal
from catnap.errors import Unauthenticated

MAX_KNOWN = 1024
"""Certificates that are remembered."""

LONGEST = 2048
"""Characters of a name. Source: SPIFFE-ID, 2.3."""


class Shown(NamedTuple):
    """names: URIs, and host names in small letters. made, ends: from when it is
    good and until when, in seconds since the epoch."""

    names: tuple[str, ...]
    made: float
    ends: float


class Certificates:
    """rules: the first that is about one of a certificate's names counts."""

    def __init__(self, rules: Sequence[ClientName]) -> None:
        self._rules = tuple(rules)
        self._known = lru_cache(maxsize=MAX_KNOWN)(self._look)

    def authenticate(self, certificate: bytes, now: float) -> tuple[Principal, float]:
        """Whose certificate, DER or PEM, it is, and when it was made. now and
        that: seconds since the epoch.

        Raises Unauthenticated for one that no rule is about, and for one that
        has expired since its connection was made.
        """
        shown, found = self._known(certificate)
        if now >= shown.ends:
            raise Unauthenticated("the certificate has expired: connect anew, with its successor")
        if found is None:
            names = ", ".join(shown.names)[:400] or "nobody: it has no URI and no host name"
            raise Unauthenticated(
                f"the certificate is of {names}: no [[clients]] of catnap.toml say whose that is"
            )
        return found, shown.made

    def _look(self, certificate: bytes) -> tuple[Shown, Principal | None]:
        shown = read(certificate)
        return shown, principal_of(shown.names, self._rules)


def read(certificate: bytes) -> Shown:
    """Raises Unauthenticated for what cannot be read as one."""
    pem = certificate.startswith(b"-----")
    try:
        load = x509.load_pem_x509_certificate if pem else x509.load_der_x509_certificate
        found = load(certificate)
        made, ends = found.not_valid_before_utc, found.not_valid_after_utc
        return Shown(tuple(_names(found)), made.timestamp(), ends.timestamp())
    except (
        ValueError,
        x509.DuplicateExtension,
        x509.InvalidVersion,
        x509.UnsupportedGeneralNameType,
    ) as error:
        raise Unauthenticated(f"the certificate cannot be read: {error}") from None


def _names(certificate: x509.Certificate) -> Iterator[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return
    for uri in found.get_values_for_type(x509.UniformResourceIdentifier):
        if is_uri(uri) and _usable(uri):
            yield uri
    for host in found.get_values_for_type(x509.DNSName):
        if not is_uri(host) and _usable(host):
            yield host.lower()


def _usable(name: str) -> bool:
    """A certificate for all names of a domain is nobody's name."""
    return len(name) <= LONGEST and name.isascii() and name.isprintable() and "*" not in name
