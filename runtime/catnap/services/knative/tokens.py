"""What the cluster says about a token of a service account.

Source: Kubernetes API reference, authentication.k8s.io/v1 TokenReview.
"""

from __future__ import annotations

import msgspec

from catnap.errors import PermissionDenied, Unauthenticated, Unavailable
from catnap.services.knative.api import Api

PATH = "/apis/authentication.k8s.io/v1/tokenreviews"

_ACCOUNT = "system:serviceaccount:"


class _User(msgspec.Struct, frozen=True):
    username: str = ""


class _Status(msgspec.Struct, frozen=True):
    authenticated: bool = False
    user: _User = _User()
    audiences: tuple[str, ...] = ()
    error: str = ""


class _Review(msgspec.Struct, frozen=True):
    status: _Status = _Status()


async def review(api: Api, token: str, audience: str) -> tuple[str, str]:
    """The namespace and the name of the service account whose token it is.

    Raises Unauthenticated with the cluster's reason, and Unavailable where it
    does not say.
    """
    asked = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "spec": {"token": token, "audiences": [audience]},
    }
    try:
        found = msgspec.convert(await api.create(PATH, asked), _Review).status
    except (PermissionDenied, Unauthenticated) as error:
        # That is about ourselves, not about the token.
        raise Unavailable(f"tokens cannot be reviewed: {error.message}") from None
    # A cluster that knows no audiences would leave ours out of its answer.
    if not found.authenticated or audience not in found.audiences:
        raise Unauthenticated(f"the cluster does not vouch for the token: {found.error}")
    if not found.user.username.startswith(_ACCOUNT):
        raise Unauthenticated(f"{found.user.username!r} is no service account")
    namespace, _, name = found.user.username.removeprefix(_ACCOUNT).partition(":")
    return namespace, name
