"""Names on a cluster."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catnap.errors import InvalidRequest
from catnap.services.cluster.names import check_install, namespace_of

LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?\Z")
LONGEST_INSTALL = "a" * 24


@pytest.mark.parametrize("tenant", ["default", "acme", "team-7", "7up"])
def test_a_tenant_that_is_a_label_is_readable_in_its_namespace(tenant: str) -> None:
    assert namespace_of(tenant) == f"catnap-{tenant}"


@given(st.text(min_size=1, max_size=200))
def test_every_tenant_has_a_namespace_that_kubernetes_takes(tenant: str) -> None:
    for install in ("catnap", LONGEST_INSTALL):
        name = namespace_of(tenant, install)
        assert LABEL.match(name)
        assert len(name) <= 63
        assert name != install


@given(st.text(max_size=60), st.text(max_size=60))
def test_two_tenants_never_share_a_namespace(one: str, other: str) -> None:
    assert (namespace_of(one) == namespace_of(other)) is (one == other)


@pytest.mark.parametrize(
    ("tenant", "label"),
    [("ACME", "acme"), ("acme ", "acme"), ("a.b", "a-b"), ("a--b", "a-b"), ("-a", "a"), ("", "x")],
)
def test_what_differs_from_a_label_only_a_little_is_told_apart(tenant: str, label: str) -> None:
    name = namespace_of(tenant)
    assert name.startswith(f"{namespace_of(label)}--")
    assert namespace_of(name.removeprefix("catnap-")) != name


@pytest.mark.parametrize("name", ["", "Catnap", "kube-system", "knative-serving", "a--b", "a" * 25])
def test_an_installation_has_a_name_that_others_can_be_made_of(name: str) -> None:
    with pytest.raises(InvalidRequest, match="install"):
        check_install(name)
    assert check_install("catnap-test-3f") == "catnap-test-3f"
