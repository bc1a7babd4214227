"""Reads an issuer's keys over HTTPS, by its discovery document or directly.

Source: OpenID Connect Discovery 1.0, 4. Blocking: for a thread.
"""

from __future__ import annotations

import ssl
import urllib.request
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

import msgspec

from catnap.access.listen import is_loopback
from catnap.errors import InvalidRequest, Unavailable

LONGEST = 256 * 1024
"""Bytes of a document."""

TIMEOUT = 5.0
"""Seconds for which an issuer may be silent."""

_WELL_KNOWN = "/.well-known/openid-configuration"


class _Discovered(msgspec.Struct):
    issuer: str
    jwks_uri: str


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Keys come from where the settings say, and from nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        return None


def read_jwks(issuer: str, jwks: str = "", ca: str = "") -> bytes:
    """The issuer's JWK set. jwks: where it is, empty for where its discovery
    document says. ca: a file of certificates to trust, empty for the system's.

    Raises Unavailable, with the reason.
    """
    if not jwks:
        found = _discovered(_get(issuer.rstrip("/") + _WELL_KNOWN, ca))
        if found.issuer != issuer:
            raise Unavailable(f"its discovery document is of issuer {found.issuer[:200]!r}")
        jwks = found.jwks_uri
    return _get(jwks, ca)


def check_url(url: str) -> None:
    """Raises InvalidRequest for what keys are not read from: they prove who
    somebody is, so nobody may put others in their place on the way."""
    try:
        parts = urlsplit(url)
        where = f"{parts.hostname}:{parts.port or 443}"
    except ValueError:
        parts, where = urlsplit(""), ""
    plain = parts.scheme == "http" and is_loopback(where)
    if not (parts.scheme == "https" or plain) or not parts.hostname or parts.username:
        raise InvalidRequest(f"{url[:200]!r} is no https:// address")


def _get(url: str, ca: str) -> bytes:
    try:
        check_url(url)
        request = urllib.request.Request(url, headers={"accept": "application/json"})  # noqa: S310
        with _opener(url, ca).open(request, timeout=TIMEOUT) as reply:
            document: bytes = reply.read(LONGEST + 1)
    except InvalidRequest as error:
        raise Unavailable(error.message) from None
    except HTTPError as error:
        with error:
            raise Unavailable(f"{url} answers {error.code}") from None
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", "") or error
        raise Unavailable(f"{url} does not answer: {reason}") from None
    if len(document) > LONGEST:
        raise Unavailable(f"{url} answers with more than {LONGEST} bytes")
    return document


def _opener(url: str, ca: str) -> urllib.request.OpenerDirector:
    handlers: list[Any] = [_NoRedirect]
    if url.startswith("https:"):
        context = ssl.create_default_context(cafile=ca or None)
        handlers.append(urllib.request.HTTPSHandler(context=context))
    if is_loopback(urlsplit(url).netloc):
        # No proxy stands between, whatever the environment says.
        handlers.append(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(*handlers)


def _discovered(document: bytes) -> _Discovered:
    try:
        return msgspec.json.decode(document, type=_Discovered)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Unavailable("its discovery document names no issuer or no jwks_uri") from None
