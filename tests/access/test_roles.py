"""Roles that are bound to tenants and skills."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catnap.access import Allowed, Principal, Resource, decide
from catnap.access.roles import check_role, matches, parse_role, roles_at
from catnap.errors import InvalidRequest


def may(roles: tuple[str, ...], action, tenant: str = "acme", skill: str = "") -> bool:
    principal = Principal("acme", None, frozenset(roles), "key test")
    return isinstance(decide(principal, action, Resource(tenant, skill=skill)), Allowed)


@pytest.mark.parametrize(
    ("role", "tenant", "skill", "given"),
    [
        ("caller", "acme", "pay", True),
        ("caller", "rival", "pay", False),
        ("caller:report-*", "acme", "report-1", True),
        ("caller:report-*", "acme", "report-", True),
        ("caller:report-*", "acme", "a-report-1", False),
        ("caller:report-*", "acme", "REPORT-1", False),
        ("caller:report-*", "rival", "report-1", False),
        ("caller:pay", "acme", "pay", True),
        ("caller:pay", "acme", "payments", False),
        ("caller:p.y", "acme", "pay", False),
        ("caller@acme-*", "acme-1", "pay", True),
        ("caller@acme-*", "acme", "pay", False),
        ("caller@*", "rival", "pay", True),
        ("caller@rival:pay", "rival", "pay", True),
        ("caller@rival:pay", "rival", "report", False),
        ("caller@rival:pay", "acme", "pay", False),
        ("admin", "rival", "pay", True),
        ("admin@acme", "rival", "pay", False),
        ("admin:pay", "rival", "pay", True),
        ("admin:pay", "acme", "report", False),
    ],
)
def test_a_bound_role_holds_where_it_says(role: str, tenant: str, skill: str, given: bool) -> None:
    assert may((role,), "skills.call", tenant, skill) == given


def test_a_role_for_some_skills_gives_nothing_that_is_about_none() -> None:
    for action in ("skills.read", "files.read", "events.send", "platform.read", "tasks.read"):
        assert not may(("tenant-admin:report-*",), action)
        assert may(("tenant-admin:report-*",), action, skill="report-1")
        assert may(("tenant-admin:report-*", "tenant-admin"), action)


def test_a_denial_names_the_role_with_its_bounds_and_the_skill() -> None:
    principal = Principal("acme", None, frozenset({"caller:report-*"}), "key test")
    denied = decide(principal, "skills.call", Resource("acme", skill="pay"))
    assert not isinstance(denied, Allowed)
    assert "role caller:report-*" in denied.reason
    assert "of skill 'pay'" in denied.reason


@pytest.mark.parametrize(
    "wrong",
    ["", "Caller", "caller:", "caller@", "caller:a@b", "caller:a b", "a:b\n", "é", "a:[a-z]"],
)
def test_what_is_no_role_is_refused_and_gives_nothing(wrong: str) -> None:
    with pytest.raises(InvalidRequest, match="role"):
        check_role(wrong)
    assert parse_role(wrong).role == ""


@given(st.text("ab*", max_size=6), st.text("ab", max_size=6))
def test_a_pattern_matches_as_a_walk_through_both_says(pattern: str, name: str) -> None:
    def walk(pattern: str, name: str) -> bool:
        if not pattern:
            return not name
        if pattern[0] == "*":
            return walk(pattern[1:], name) or bool(name and walk(pattern, name[1:]))
        return bool(name) and pattern[0] == name[0] and walk(pattern[1:], name[1:])

    assert matches(pattern, name) == walk(pattern, name)


@given(st.frozensets(st.sampled_from(["caller", "viewer:a*", "admin@b", "x"])), st.text("ab"))
def test_a_bound_only_takes_away(roles: frozenset[str], tenant: str) -> None:
    free = frozenset(parse_role(each).role for each in roles)
    assert roles_at(roles, "a", tenant, "") <= free
