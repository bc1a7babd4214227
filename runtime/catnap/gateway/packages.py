"""What a session installs: the index of its skill, below `/callback/packages`.

An installer of Python packages is who asks; it shows the Grant as the password
of Basic credentials, which is all that it knows of.
"""

from __future__ import annotations

from base64 import b64decode

import msgspec

from catnap.access import Grant
from catnap.errors import InvalidRequest, PermissionDenied
from catnap.gateway.gateway import Gateway
from catnap.http import Request, Response
from catnap.packages import Packages
from catnap.packages.page import KIND

_METADATA = ".metadata"


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    requirements: list[str]


async def check_packages(gateway: Gateway, grant: Grant, request: Request) -> Response:
    """Whether all of it may be installed, and is there."""
    packages, allow = _of(gateway, grant)
    try:
        asked = msgspec.json.decode(await request.body.read(), type=_Asked)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f'packages: {error}: send {{"requirements": [...]}}') from None
    await packages.check(allow, asked.requirements)
    return Response(204)


async def packages_page(gateway: Gateway, grant: Grant, request: Request, name: str) -> Response:
    packages, allow = _of(gateway, grant)
    content = await packages.page(allow, name)
    return Response(200, [(b"content-type", KIND.encode())], content)


async def packages_file(
    gateway: Gateway, grant: Grant, request: Request, sha256: str, name: str
) -> Response:
    """A wheel, or its metadata where the name ends so (PEP 658)."""
    packages, allow = _of(gateway, grant)
    if name.endswith(_METADATA):
        wheel = name.removesuffix(_METADATA)
        about = await packages.metadata(allow, sha256, wheel)
        return Response(200, [(b"content-type", b"text/plain; charset=utf-8")], about)
    size, content = await packages.wheel(allow, sha256, name)
    headers = [
        (b"content-type", b"application/zip"),
        (b"content-length", b"%d" % size),
    ]
    return Response(200, headers, content)


def _of(gateway: Gateway, grant: Grant) -> tuple[Packages, tuple[str, ...]]:
    """The packages, and those of them that the skill's sessions may install."""
    if not grant.packages:
        raise PermissionDenied(
            f"skill {grant.skill!r} may install nothing: name packages in allow under [packages] "
            "of its skill.toml, which takes share = 'session' under [session]"
        )
    if gateway.packages is None:
        raise PermissionDenied(
            "nothing can be installed here: CATNAP_INDEX names no index to take packages from; "
            "`pip config get global.index-url` says which one pip has, if it was told one"
        )
    return gateway.packages, grant.packages


def basic_password(authorization: str | None) -> str:
    """The password of Basic credentials; empty where there are none."""
    scheme, _, value = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return b64decode(value.strip(), validate=True).decode("ascii").partition(":")[2]
    except ValueError:
        return ""
