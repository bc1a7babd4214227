"""The authorities of issuers, which a gateway on a cluster needs as this machine
does: certificates are no secret, and go with its settings."""

from __future__ import annotations

import re
import ssl
from pathlib import Path

from catnap.cli.settings import Settings, authority_name
from catnap.errors import InvalidRequest

_CERTIFICATE = re.compile(
    r"-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+-----END CERTIFICATE-----\n"
)


def authorities(settings: Settings) -> dict[str, str]:
    """The files that the catnap.toml of a gateway on a cluster names, by name.
    Raises InvalidRequest for one that cannot be read, or has no certificate."""
    return {
        authority_name(number): _certificates(each.issuer, Path(each.ca))
        for number, each in enumerate(settings.issuers)
        if each.ca
    }


def _certificates(issuer: str, path: Path) -> str:
    """Nothing else of the file, such as a key that stands there, too."""
    try:
        found = "".join(_CERTIFICATE.findall(path.read_text("latin-1").replace("\r", "")))
        # With none at all OpenSSL would trust whatever the system does.
        ssl.create_default_context(cadata=found or "none")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it has no good certificate as PEM"
        raise InvalidRequest(f"ca of issuer {issuer}: {path}: {reason}") from None
    return found
