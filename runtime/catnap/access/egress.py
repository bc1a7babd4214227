"""May this skill connect there? By its list, and by where the name leads."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from catnap.access.decision import Allowed, Denied
from catnap.errors import InvalidRequest
from catnap.skills.hosts import Place, parse_pattern

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def decide_egress(place: Place, allow: Iterable[str], skill: str) -> Allowed | Denied:
    """Whether the skill's `[egress] allow` has the place; what to add if not."""
    if any(parse_pattern(each).matches(place) for each in allow):
        return Allowed()
    return Denied(
        f"skill {skill!r} may not connect to {place}: "
        f'add "{place.pattern}" to allow in [egress] of its skill.toml'
    )


@dataclass(frozen=True, slots=True)
class Networks:
    """Addresses that skills may reach: the public ones, and what the platform
    says otherwise.

    Everything that is not plainly public is refused, whatever names lead
    there: this machine, its neighbours, a cluster's pods and services, a
    cloud's metadata server.
    """

    opened: tuple[Network, ...] = ()
    """Private networks that may be reached all the same."""
    closed: tuple[Network, ...] = ()
    """Public ones that may not, such as a cluster's own nodes."""

    @classmethod
    def parse(cls, text: str) -> Networks:
        """`10.1.0.0/16, !198.18.5.0/24`: opened, and after a `!` closed.
        Raises InvalidRequest, which names the entry."""
        opened: list[Network] = []
        closed: list[Network] = []
        for entry in filter(None, map(str.strip, text.split(","))):
            try:
                network = ipaddress.ip_network(entry.removeprefix("!").strip())
            except ValueError as error:
                raise InvalidRequest(
                    f"CATNAP_EGRESS_NETWORKS: {entry!r} is no network: {error}; write 10.1.0.0/16, "
                    "or !10.1.0.0/16 for one that no skill may reach"
                ) from None
            (closed if entry.startswith("!") else opened).append(network)
        return cls(tuple(opened), tuple(closed))

    def reachable(self, address: str) -> bool:
        """address: an IP address, without brackets."""
        found = _embedded(ipaddress.ip_address(address))
        if _within(found, self.closed):
            return False
        return _within(found, self.opened) or is_public(found)


def is_public(address: Address) -> bool:
    """Whether it is one of the internet's own unicast addresses. Source: the
    IANA special-purpose address registries. `ipaddress.is_global` has been
    read differently from one Python to the next."""
    if isinstance(address, IPv4Address):
        return not _within(address, _SPECIAL_4)
    return address in _UNICAST_6 and not _within(address, _SPECIAL_6)


def _embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for (mapped, 6to4, NAT64)."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


_NAT64 = IPv6Network("64:ff9b::/96")
_UNICAST_6 = IPv6Network("2000::/3")
_SPECIAL_6 = (
    IPv6Network("2001::/23"),  # protocol assignments, Teredo
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("3fff::/20"),  # documentation
)
_SPECIAL_4 = (
    IPv4Network("0.0.0.0/8"),  # this network
    IPv4Network("10.0.0.0/8"),
    IPv4Network("100.64.0.0/10"),  # shared by carriers; some clouds' pods
    IPv4Network("127.0.0.0/8"),
    IPv4Network("169.254.0.0/16"),  # link-local, metadata servers
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.0.0.0/24"),  # protocol assignments
    IPv4Network("192.0.2.0/24"),  # documentation
    IPv4Network("192.88.99.0/24"),  # 6to4 relays
    IPv4Network("192.168.0.0/16"),
    IPv4Network("198.18.0.0/15"),  # benchmarks
    IPv4Network("198.51.100.0/24"),  # documentation
    IPv4Network("203.0.113.0/24"),  # documentation
    IPv4Network("224.0.0.0/4"),  # multicast
    IPv4Network("240.0.0.0/4"),  # reserved, broadcast
)
