"""Who may do what: the whole matrix, and the reasons."""

from __future__ import annotations

import itertools

import pytest

from catnap.access import (
    ACTIONS,
    Allowed,
    Denied,
    Principal,
    Resource,
    acting_for,
    check_listen,
    decide,
    effective_roles,
    require,
)
from catnap.access.decision import ROLES
from catnap.errors import InvalidRequest, PermissionDenied

# One column a role: v viewer, b broker, c caller, d developer, o operator, t tenant-admin, a admin.
MATRIX = {
    "skills.read": "v cdota",
    "skills.call": "  cd ta",
    "files.read": "v cd ta",
    "files.write": "  cd ta",
    "sessions.read": "v cd ta",
    "sessions.write": "  cd ta",
    "tasks.read": "v cdota",
    "tasks.write": "  cdota",
    "tasks.redrive": "    ota",
    "models.use": "  cd ta",
    "packages.use": "  cd ta",
    "events.send": "  cd ta",
    "events.deliver": " bcd ta",
    "logs.read": "   dota",
    "platform.read": "    ota",
    "platform.write": "    ota",
    "audit.read": "     ta",
    "keys.read": "     ta",
    "keys.write": "     ta",
    "secrets.read": "     ta",
    "secrets.write": "     ta",
    "usage.read": "v cdota",
    "limits.write": "      a",
}
COLUMNS = ["viewer", "broker", "caller", "developer", "operator", "tenant-admin", "admin"]


def principal(*roles: str, tenant: str = "acme", user: str | None = None) -> Principal:
    return Principal(tenant, user, frozenset(roles), "key test")


def test_the_matrix_is_complete() -> None:
    assert set(MATRIX) == set(ACTIONS)
    assert set(COLUMNS) == set(ROLES)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("role", COLUMNS)
def test_a_role_gives_what_the_matrix_says(role: str, action) -> None:
    given = MATRIX[action][COLUMNS.index(role)] != " "
    own = decide(principal(role), action, Resource("acme", user="alice"))
    assert isinstance(own, Allowed) == given
    other = decide(principal(role), action, Resource("other", user="alice"))
    assert isinstance(other, Allowed) == (role == "admin")
    same_user = decide(principal(role, user="alice"), action, Resource("acme", user="alice"))
    assert isinstance(same_user, Allowed) == given
    other_user = decide(principal(role, user="bob"), action, Resource("acme", user="alice"))
    assert isinstance(other_user, Denied)


@pytest.mark.parametrize("action", ACTIONS)
def test_without_a_role_nothing_is_given(action) -> None:
    for roles in ((), ("finance",), ("Admin",)):
        assert isinstance(decide(principal(*roles), action, Resource("acme")), Denied)


def test_a_skill_may_want_a_role_of_its_own() -> None:
    skill = Resource("acme", skill="pay", roles=("finance", "audit"))
    for roles in (("caller",), ("developer",), ("tenant-admin",), ("finance",)):
        with pytest.raises(PermissionDenied, match="key test has role"):
            require(principal(*roles), "skills.call", skill)
    for roles in (("caller", "finance"), ("developer", "audit"), ("admin",)):
        require(principal(*roles), "skills.call", skill)


def test_the_usual_skill_wants_a_caller_or_what_includes_it() -> None:
    skill = Resource("acme", skill="echo", roles=("caller",))
    for role in COLUMNS:
        allowed = isinstance(decide(principal(role), "skills.call", skill), Allowed)
        assert allowed == ("caller" in effective_roles(frozenset({role})))


@pytest.mark.parametrize(
    ("who", "resource", "words"),
    [
        (principal("caller"), Resource("other"), ["key test", "'acme'", "'other'"]),
        (principal("caller", user="bob"), Resource("acme", "alice"), ["'bob'", "'alice'"]),
        (
            principal("viewer", "finance"),
            Resource("acme"),
            ["role finance and viewer", "skills.call", "admin or caller or developer"],
        ),
        (principal(), Resource("acme"), ["no role", "skills.call"]),
        (
            principal("caller"),
            Resource("acme", skill="pay", roles=("finance",)),
            ["role caller", "'pay'", "finance", "skill.toml"],
        ),
    ],
)
def test_a_denial_says_what_is_missing(who: Principal, resource: Resource, words: list) -> None:
    denied = decide(who, "skills.call", resource)
    assert isinstance(denied, Denied)
    for word in words:
        assert word in denied.reason
    with pytest.raises(PermissionDenied) as raised:
        require(who, "skills.call", resource)
    assert raised.value.message == denied.reason


def test_more_roles_never_take_away() -> None:
    for one, other in itertools.combinations(COLUMNS, 2):
        for action in ACTIONS:
            both = isinstance(decide(principal(one, other), action, Resource("acme")), Allowed)
            each = [
                isinstance(decide(principal(role), action, Resource("acme")), Allowed)
                for role in (one, other)
            ]
            assert both == any(each)


def test_whom_a_call_is_made_for() -> None:
    service, alice = principal("caller"), principal("caller", user="alice")
    assert acting_for(service, "") == "default"
    assert acting_for(service, "bob") == "bob"
    assert acting_for(alice, "") == acting_for(alice, "alice") == "alice"
    with pytest.raises(PermissionDenied, match="'alice' and may not act for user 'bob'"):
        acting_for(alice, "bob")
    for wrong in ("a\0", "x" * 257, "\ud800"):
        with pytest.raises(InvalidRequest, match="user"):
            acting_for(service, wrong)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:8080",
        "127.9.9.9:0",
        "localhost:8080",
        "LOCALHOST:1",
        "[::1]:8080",
        "unix:/run/catnap.sock",
    ],
)
def test_loopback_needs_no_chosen_key(address: str) -> None:
    check_listen(address, key_configured=False)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0:8080",
        ":8080",
        "8080",
        "[::]:8080",
        "192.168.1.2:80",
        "10.0.0.1:80",
        "example.com:80",
        "localhost.example.com:80",
        "127.0.0.1.example.com:80",
        "",
    ],
)
def test_elsewhere_needs_a_chosen_key(address: str) -> None:
    with pytest.raises(InvalidRequest, match="set CATNAP_ADMIN_KEY"):
        check_listen(address, key_configured=False)
    check_listen(address, key_configured=True)
