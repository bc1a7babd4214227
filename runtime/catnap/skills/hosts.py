"""Hosts a skill may connect to: `[egress] allow` of its skill.toml.

api.example.com          this host, port 443
*.example.com            every host below it, at any depth, but not itself
api.example.com:8443     another port, and no other than this
203.0.113.7              an address, for those who connect by address
[2001:db8::7]:8443
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from catnap.errors import InvalidRequest

HTTPS = 443
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
# Patterns are compiled when one is first used: most skills name no host.
_NAME = rf"{_LABEL}(\.{_LABEL})*\Z"
_NUMBER = r"([0-9]+|0x[0-9a-f]*)\Z"
_PORT = r"[1-9][0-9]{0,4}\Z"


class Place(msgspec.Struct, frozen=True):
    """A host in its canonical spelling, and a port."""

    host: str
    port: int = HTTPS

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def pattern(self) -> str:
        """How skill.toml says this place."""
        return self.host if self.port == HTTPS else str(self)


class Pattern(msgspec.Struct, frozen=True):
    """One entry of the list. below: the hosts below `place`, not itself."""

    place: Place
    below: bool = False

    def matches(self, place: Place) -> bool:
        if place.port != self.place.port:
            return False
        if self.below:
            return place.host.endswith("." + self.place.host)
        return place.host == self.place.host


@lru_cache(maxsize=1024)
def parse_pattern(text: str) -> Pattern:
    """Raises InvalidRequest, which says what an entry looks like."""
    below = text.startswith("*.")
    place = parse_place(text[2:] if below else text, HTTPS)
    if below and ("." not in place.host or is_address(place.host)):
        raise InvalidRequest(f"{text!r}: below `*.` there must be a domain, such as *.example.com")
    return Pattern(place, below)


def parse_place(text: str, port: int | None = None) -> Place:
    """`host` or `host:port`. port: where none is said; None wants one said.

    Raises InvalidRequest.
    """
    host, colon, said = text.rpartition(":")
    if not colon or text.endswith("]"):
        if port is None:
            raise InvalidRequest(f"{_shown(text)}: must be host:port, such as api.example.com:443")
        return Place(canonical(text), port)
    if not re.match(_PORT, said) or int(said) > 65535:
        raise InvalidRequest(f"{_shown(text)}: the port must be a number from 1 to 65535")
    return Place(canonical(host), int(said))


def canonical(host: str) -> str:
    """The one spelling of a host: lower case, no dot at the end, an IPv6
    address shortened and in brackets.

    Only ASCII: lower-casing turns some other characters into ASCII letters,
    and the two IDNA standards disagree on what a name means. A number that
    system resolvers take for an IPv4 address (`127.1`, `0x7f000001`) is no
    name. Raises InvalidRequest.
    """
    if not host.isascii():
        raise InvalidRequest(f"{_shown(host)}: write the name in its ASCII form, as xn--...")
    if host.startswith("[") and host.endswith("]"):
        return f"[{_address(host[1:-1], 6)}]"
    name = host.lower().removesuffix(".")
    if len(name) > 253 or not re.match(_NAME, name):
        raise InvalidRequest(
            f"{_shown(host)} is no host: write api.example.com, *.example.com or an address, "
            "without https:// or a path, an IPv6 address in brackets"
        )
    return _address(name, 4) if is_address(name) else name


def is_address(host: str) -> bool:
    """Whether a canonical host is an address and no name."""
    return host.startswith("[") or re.match(_NUMBER, host.rpartition(".")[2]) is not None


def _address(text: str, version: int) -> str:
    import ipaddress  # a cold start has no need of it unless skill.toml names an address

    try:
        if version == 4:
            return str(ipaddress.IPv4Address(text))
        if "%" not in text:
            return ipaddress.IPv6Address(text).compressed
    except ValueError:
        pass
    raise InvalidRequest(f"{_shown(text)} is no IPv{version} address")


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 80 else text[:80] + "...")
