"""Whoever makes a key gives away nothing that he has not himself."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from catnap.access import ACTIONS, Allowed, Principal, Resource, decide
from catnap.access.decision import ROLES
from catnap.access.key_giving import check_giving
from catnap.errors import PermissionDenied

TENANTS, USERS, SKILLS = ("acme", "acme-2", "rival", ""), ("", "ann", "bob"), ("", "report", "x")
RESOURCES = [Resource(*about) for about in itertools.product(TENANTS, USERS, SKILLS)]

roles = st.builds(
    "".join,
    st.tuples(
        st.sampled_from([*ROLES, "finance"]),
        st.sampled_from(["", "", "@acme", "@acme*", "@*", "@*e", "@rival"]),
        st.sampled_from(["", "", ":re*", ":report", ":*", ":x"]),
    ),
)
principals = st.builds(
    Principal,
    tenant=st.sampled_from(["acme", "rival"]),
    user=st.sampled_from([None, "ann"]),
    roles=st.frozensets(roles, min_size=1, max_size=3),
    name=st.just("key giver"),
)


@given(
    principals.filter(lambda giver: any("admin" in role for role in giver.roles)),
    st.sampled_from(TENANTS),
    st.sampled_from([None, "ann", "bob"]),
    st.frozensets(roles, max_size=2),
)
def test_a_key_may_do_nothing_that_its_giver_may_not(
    giver: Principal, tenant: str, user: str | None, given: frozenset[str]
) -> None:
    try:
        check_giving(giver, tenant, user, given)
    except PermissionDenied:
        return
    key = Principal(tenant, user, given, "key given")
    for action, resource in itertools.product(ACTIONS, RESOURCES):
        if isinstance(decide(key, action, resource), Allowed):
            assert isinstance(decide(giver, action, resource), Allowed), (action, resource)
