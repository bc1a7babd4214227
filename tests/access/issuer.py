"""An OIDC issuer: keys of its own, and a server that shows them."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

NOW = 1_800_000_000.0
AUDIENCE = "catnap"

_RSA = rsa.generate_private_key(65537, 2048)
OTHER_RSA = rsa.generate_private_key(65537, 2048)
KEYS: dict[str, Any] = {
    **dict.fromkeys(("RS256", "RS512", "PS256"), _RSA),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def jwk(alg: str, key: Any, kid: str, **more: Any) -> dict[str, Any]:
    """The public part."""
    public = json.loads(get_default_algorithms()[alg].to_jwk(key.public_key()))
    return {**public, "kid": kid, **more}


@dataclass
class Issuer:
    """Serves its discovery document and its keys, and counts who reads them.

    paths: what is answered, a status and a document. down: nothing is.
    """

    url: str = ""
    paths: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)

    def show(self, *keys: dict[str, Any]) -> None:
        self.answer("/keys", {"keys": list(keys)})

    def answer(self, path: str, document: Any, status: int = 200, **headers: str) -> None:
        raw = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.paths[path] = (status, headers, raw)

    def go_down(self) -> None:
        self.paths.clear()

    def claims(self, **changed: Any) -> dict[str, Any]:
        claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "ada",
            "exp": NOW + 600,
            "iat": NOW,
            "org": "acme",
            **changed,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(
        self,
        alg: str = "RS256",
        key: Any = None,
        kid: str | None = "one",
        header: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """Signed with the algorithm's own key, or with another one."""
        return signed(
            {"alg": alg, "kid": kid, **(header or {})}, self.claims(**claims), alg, key or KEYS[alg]
        )


def signed(header: dict[str, Any], claims: Any, alg: str, key: Any) -> str:
    """A token that PyJWT would not make: with any header at all."""
    header = {name: value for name, value in header.items() if value is not None}
    text = ".".join(map(base64url, (json.dumps(header), json.dumps(claims))))
    algorithm = get_default_algorithms()[alg]
    signature = algorithm.sign(text.encode(), algorithm.prepare_key(key))
    return f"{text}.{base64url(signature)}"


def base64url(raw: str | bytes) -> str:
    data = raw.encode() if isinstance(raw, str) else raw
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@contextmanager
def serving(context: ssl.SSLContext | None = None, name: str = "127.0.0.1") -> Iterator[Issuer]:
    """context: for HTTPS, whose certificate is for `name`."""
    issuer = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.reads.append(self.path)
            status, headers, document = issuer.paths.get(self.path, (503, {}, b""))
            self.send_response(status)
            for each, value in headers.items():
                self.send_header(each, value)
            self.send_header("content-length", str(len(document)))
            self.end_headers()
            self.wfile.write(document)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "https" if context else "http"
    issuer.url = f"{scheme}://{name}:{server.server_port}"
    issuer.answer(
        "/.well-known/openid-configuration",
        {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/keys"},
    )
    issuer.show(jwk("RS256", KEYS["RS256"], "one"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
