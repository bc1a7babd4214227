"""The certificate that a server shows, and whose certificates it takes.

The files are looked at with each handshake, so that a certificate that was
renewed is shown from the next connection on, and nothing has to be restarted.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from catnap.errors import InvalidRequest

T = TypeVar("T")
Stamp = tuple[tuple[int, int, int], ...]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TlsFiles:
    """PEM. cert: the server's certificate, with those between it and its root.
    client_ca: by whom a client's certificate has to be signed; without it none
    is asked for, and with it nobody is answered who has none, or speaks no TLS 1.3."""

    cert: Path
    key: Path
    client_ca: Path | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        return (self.cert, self.key, *((self.client_ca,) if self.client_ca else ()))

    def stamp(self) -> Stamp:
        """Another one as soon as a file is another. Raises OSError."""
        found = [path.stat() for path in self.paths]
        return tuple((each.st_mtime_ns, each.st_ino, each.st_size) for each in found)


class Renewed(Generic[T]):
    """What is made of the files, as they are now.

    make: raises OSError or ValueError (ssl.SSLError is an OSError) for files
    that are no good. Raises InvalidRequest where they are no good at first;
    later what was made before goes on, and the log says why.
    """

    def __init__(self, files: TlsFiles, make: Callable[[TlsFiles], T]) -> None:
        self._files = files
        self._make = make
        try:
            self._stamp = files.stamp()
            self.value = make(files)
        except (OSError, ValueError) as error:
            raise InvalidRequest(_said(files, error)) from None

    def look(self) -> bool:
        """Whether it is another one now."""
        try:
            stamp = self._files.stamp()
            if stamp == self._stamp:
                return False
            self._stamp = stamp
            value = self._make(self._files)
            # Half of them may have been replaced while the rest was read.
            if self._files.stamp() != stamp:
                self._stamp = ()
        except (OSError, ValueError) as error:
            _log.error("%s; the certificate before it goes on", _said(self._files, error))
            return False
        self.value = value
        return True


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """For `Server.listen`. Raises InvalidRequest for files that are no good."""
    now = Renewed(files, _context)
    door = now.value

    def renew(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        now.look()
        connection.context = now.value

    # Called with every handshake, also where a client names no host.
    door.sni_callback = renew
    return door


def check(files: TlsFiles) -> None:
    """Raises OSError or ValueError where certificate and key are no pair, or
    no certificates are where they should be."""
    _context(files)


def _context(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    # With a password nobody is asked for one on the terminal.
    context.load_cert_chain(files.cert, files.key, password="")
    if files.client_ca is not None:
        context.load_verify_locations(files.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
        # A session that is taken up again would go on with a certificate that
        # nobody looks at any more: for two hours after its authority was
        # replaced. In TLS 1.2 we cannot refuse that, here it takes a ticket.
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.num_tickets = 0
    return context


def _said(files: TlsFiles, error: Exception) -> str:
    names = ", ".join(str(path) for path in files.paths)
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
    return f"TLS: {names}: {reason}: they have to be a certificate, its key, and a CA, as PEM"
