"""Where a skill may connect to: by its list, and by where the name leads."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catnap.access import Allowed, Denied
from catnap.access.egress import Networks, decide_egress
from catnap.errors import InvalidRequest
from catnap.skills.hosts import parse_place


@pytest.mark.parametrize(
    ("allow", "asked", "may"),
    [
        ("api.example.com", "api.example.com:443", True),
        ("API.Example.com", "api.EXAMPLE.com.:443", True),
        ("api.example.com.", "api.example.com:443", True),
        ("api.example.com", "api.example.com:80", False),
        ("api.example.com", "api.example.com:8443", False),
        ("api.example.com:8443", "api.example.com:8443", True),
        ("api.example.com:8443", "api.example.com:443", False),
        ("api.example.com", "example.com:443", False),
        ("api.example.com", "v1.api.example.com:443", False),
        ("api.example.com", "api.example.com.evil.net:443", False),
        ("api.example.com", "evilapi.example.com:443", False),
        ("api.example.com", "apiXexample.com:443", False),
        ("*.example.com", "api.example.com:443", True),
        ("*.example.com", "a.b.c.example.com:443", True),
        ("*.example.com", "API.Example.COM.:443", True),
        ("*.example.com", "example.com:443", False),
        ("*.example.com", "evilexample.com:443", False),
        ("*.example.com", "example.com.evil.net:443", False),
        ("*.example.com", "a.example.com:8443", False),
        ("*.example.com:8443", "a.example.com:8443", True),
        ("xn--bcher-kva.example", "XN--BCHER-KVA.example:443", True),
        ("bcher.example", "xn--bcher-kva.example:443", False),
        ("8.8.8.8", "8.8.8.8:443", True),
        ("8.8.8.8", "8.8.4.4:443", False),
        ("*.example.com", "8.8.8.8:443", False),
        ("[2001:db8::7]", "[2001:DB8:0:0:0:0:0:7]:443", True),
        ("[2001:db8::7]:8443", "[2001:db8::7]:8443", True),
        ("[2001:db8::7]", "[2001:db8::8]:443", False),
        ("8.8.8.8", "[::ffff:8.8.8.8]:443", False),
    ],
)
def test_a_list_names_the_places_and_no_others(allow: str, asked: str, may: bool) -> None:
    decision = decide_egress(parse_place(asked), (allow,), "search")
    assert isinstance(decision, Allowed if may else Denied)


def test_one_entry_of_several_is_enough_and_an_empty_list_allows_nothing() -> None:
    place = parse_place("b.example:443")
    assert decide_egress(place, ("a.example", "b.example"), "search") == Allowed()
    assert isinstance(decide_egress(place, (), "search"), Denied)


@pytest.mark.parametrize(
    ("asked", "entry"),
    [
        ("Api.Example.com:443", "api.example.com"),
        ("api.example.com:80", "api.example.com:80"),
        ("[2001:db8::7]:443", "[2001:db8::7]"),
    ],
)
def test_a_refusal_says_host_skill_and_what_to_write(asked: str, entry: str) -> None:
    place = parse_place(asked)
    decision = decide_egress(place, ("other.example",), "search")
    assert isinstance(decision, Denied)
    assert f"skill 'search' may not connect to {place}" in decision.reason
    assert f'add "{entry}" to allow in [egress] of its skill.toml' in decision.reason
    assert decide_egress(place, (entry,), "search") == Allowed()


PUBLIC = ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "192.0.1.1", "2606:4700::1111"]
INNER = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254"),
    *("169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.168.1.1"),
    *("198.18.0.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1"),
    "255.255.255.255",
]
INNER_6 = [
    *("::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "100::1"),
    *("2001:db8::1", "2001::1", "2001:10::1", "3fff::1", "64:ff9b:1::1", "fe80::1%eth0"),
    "::10.0.0.1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_reached(address: str) -> None:
    assert Networks().reachable(address)


@pytest.mark.parametrize("address", INNER + INNER_6)
def test_no_other_address_may(address: str) -> None:
    assert not Networks().reachable(address)


def embedded(address: str) -> list[str]:
    """The IPv6 addresses that lead to an IPv4 address."""
    number = int(ipaddress.IPv4Address(address))
    return [
        str(ipaddress.IPv6Address(each))
        for each in (
            0xFFFF << 32 | number,
            int(ipaddress.IPv6Address("64:ff9b::")) | number,
            0x2002 << 112 | number << 80,
        )
    ]


@pytest.mark.parametrize("address", INNER)
def test_nor_one_that_an_ipv6_address_hides(address: str) -> None:
    assert not any(map(Networks().reachable, embedded(address)))


@pytest.mark.parametrize("address", PUBLIC[:3])
def test_an_ipv6_address_for_a_public_one_is_public(address: str) -> None:
    assert all(map(Networks().reachable, embedded(address)))


@given(st.ip_addresses())
def test_what_python_calls_private_is_never_public(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if address.is_private or address.is_multicast or address.is_loopback or address.is_link_local:
        reachable = Networks().reachable(str(address))
        hidden = address.version == 6 and (address.ipv4_mapped or address.sixtofour)
        assert not reachable or hidden


def test_networks_are_opened_and_closed_on_purpose() -> None:
    networks = Networks.parse(" 10.1.0.0/16, ! 8.8.8.0/24,fd00:1::/32, !10.1.5.0/24,")
    assert networks.reachable("10.1.2.3")
    assert networks.reachable("::ffff:10.1.2.3")
    assert networks.reachable("fd00:1::5")
    for address in ("10.2.0.1", "8.8.8.8", "::ffff:8.8.8.8", "fd00:2::1", "10.1.5.1"):
        assert not networks.reachable(address)
    assert Networks.parse("") == Networks()


@pytest.mark.parametrize("text", ["10.0.0.1/8", "example.com", "10.0.0.0/33", "!", "!!10.0.0.0/8"])
def test_what_is_no_network_is_named(text: str) -> None:
    with pytest.raises(InvalidRequest, match="is no network"):
        Networks.parse(text)
