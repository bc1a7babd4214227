"""Where requests go. The cases are those of Knative's own conformance tests for
ingress implementations, and the rules they leave open."""

from __future__ import annotations

from collections import Counter

import pytest

from catnap.errors import InvalidRequest
from catnap.services.knative import kingress
from catnap.services.knative.routing import Split, Table
from tests.services.knative.objects import ingress, path, route, rule, split

HOST = "cart.example.com"


def goes_to(
    table: Table,
    where: str = "/",
    headers: dict[bytes, bytes] | None = None,
    *,
    host: str = HOST,
    random: float = 0.5,
) -> str | None:
    target = table.choose(host, where, headers or {}, random)
    return target.split.service if target else None


def table_of(*paths: dict[str, object], host: str = HOST) -> Table:
    return Table.of([ingress(rule(host, paths=list(paths)))])


@pytest.mark.parametrize(
    "host", ["cart.example.com", "CART.Example.com", "cart.example.com:8080", "cart.example.com."]
)
def test_a_host_is_found_whatever_its_case_port_or_final_dot(host: str) -> None:
    assert goes_to(table_of(path(split("cart"))), host=host) == "cart"


@pytest.mark.parametrize("host", ["", "example.com", "x.cart.example.com", "cart.example.co"])
def test_a_host_is_found_by_its_whole_name_only(host: str) -> None:
    assert goes_to(table_of(path(split("cart"))), host=host) is None


def test_every_host_of_a_rule_leads_to_it() -> None:
    table = Table.of([ingress(rule("a.example", "b.example", paths=[path(split("cart"))]))])
    assert goes_to(table, host="a.example") == goes_to(table, host="b.example") == "cart"


def test_each_rule_has_its_own_backends() -> None:
    first = rule("foo.example", paths=[path(split("foo"))])
    second = rule("bar.example", paths=[path(split("bar"))])
    table = Table.of([ingress(first, second)])
    assert goes_to(table, host="foo.example") == "foo"
    assert goes_to(table, host="bar.example") == "bar"


@pytest.mark.parametrize(
    ("where", "service"),
    [
        ("/foo", "foo"),
        ("/foo/more", "foo"),
        ("/foobar", "foo"),
        ("/foo/deep/er", "deep"),
        ("/bar", "bar"),
        ("/", "rest"),
        ("/asdf", "rest"),
        ("*", "rest"),
    ],
)
def test_the_longest_prefix_of_the_path_decides(where: str, service: str) -> None:
    table = table_of(
        path(split("rest")),
        path(split("foo"), path="/foo"),
        path(split("deep"), path="/foo/deep"),
        path(split("bar"), path="/bar"),
    )
    assert goes_to(table, where) == service


def test_of_two_equal_paths_the_first_decides() -> None:
    assert goes_to(table_of(path(split("first")), path(split("second"), path="/"))) == "first"


@pytest.mark.parametrize(
    ("headers", "service"),
    [
        ({b"knative-serving-tag": b"blue"}, "tagged"),
        ({b"knative-serving-tag": b""}, "untagged"),
        ({b"knative-serving-tag": b"not-blue"}, "untagged"),
        ({}, "untagged"),
    ],
)
def test_a_path_that_asks_for_a_header_comes_before_one_that_asks_for_none(
    headers: dict[bytes, bytes], service: str
) -> None:
    table = table_of(
        path(split("untagged")),
        path(split("tagged"), headers={"Knative-Serving-Tag": {"exact": "blue"}}),
    )
    assert goes_to(table, headers=headers) == service


def test_a_path_that_asks_for_two_headers_needs_both() -> None:
    both = {"A": {"exact": "1"}, "B": {"exact": "2"}}
    table = table_of(path(split("both"), headers=both), path(split("rest")))
    assert goes_to(table, headers={b"a": b"1", b"b": b"2"}) == "both"
    assert goes_to(table, headers={b"a": b"1"}) == "rest"


def test_traffic_is_split_by_percent() -> None:
    table = table_of(path(split("a", 1), split("b", 20), split("c", 0), split("d", 79)))
    met = Counter(goes_to(table, random=each / 1000) for each in range(1000))
    assert met == {"a": 10, "b": 200, "d": 790}


def test_a_single_split_has_all_the_traffic_whatever_it_says() -> None:
    [only] = Table.of([route(split("cart-00001", 0))]).splits("shop", "cart")
    assert only.percent == 100


def test_headers_of_the_path_and_of_the_split_are_set_and_the_splits_win() -> None:
    shares = {"Which": "split", "Knative-Serving-Revision": "cart-1"}
    table = table_of(
        path(
            split("cart", appendHeaders=shares),
            appendHeaders={"which": "path", "Default": "true"},
        )
    )
    target = table.choose(HOST, "/", {}, 0.5)
    assert target
    assert dict(target.split.headers) == {
        b"which": b"split",
        b"default": b"true",
        b"knative-serving-revision": b"cart-1",
    }


def test_a_request_keeps_its_host_or_is_sent_with_the_one_that_its_path_names() -> None:
    kept = table_of(path(split("cart"))).choose("Cart.example.com:80", "/", {}, 0)
    renamed = table_of(path(split("alias"), rewriteHost="elsewhere")).choose(HOST, "/", {}, 0)
    assert kept
    assert renamed
    assert (kept.name, kept.split.service) == ("Cart.example.com:80", "cart")
    assert (renamed.name, renamed.split.service) == ("elsewhere", "alias")


def test_a_host_that_is_renamed_to_one_of_the_table_leads_where_that_leads() -> None:
    alias = split("alias", appendHeaders={"By": "alias", "Which": "alias"})
    named = rule(HOST, paths=[path(alias, rewriteHost="cart.shop")])
    shares = split("cart-00001", appendHeaders={"Which": "cart"})
    target = Table.of([ingress(named, name="vanity"), route(shares)]).choose(HOST, "/", {}, 0)
    assert target
    assert (target.asked.ingress.id, target.host.ingress.id) == ("shop/vanity", "shop/cart")
    assert (target.name, target.split.service) == ("cart.shop", "cart-00001")
    assert dict(target.headers) == {b"by": b"alias", b"which": b"cart"}


def test_hosts_that_are_renamed_in_a_circle_lead_nowhere() -> None:
    there = rule("a.example", paths=[path(split("a"), rewriteHost="b.example")])
    back = rule("b.example", paths=[path(split("b"), rewriteHost="a.example")])
    assert Table.of([ingress(there, back)]).choose("a.example", "/", {}, 0) is None


@pytest.mark.parametrize(
    ("visibility", "redirect"), [("ExternalIP", True), ("", True), ("ClusterLocal", False)]
)
def test_https_is_asked_for_outside_the_cluster_only(visibility: str, redirect: bool) -> None:
    wanted = rule("cart.shop", paths=[path(split("cart"))], visibility=visibility)
    host = Table.of([ingress(wanted, httpOption="Redirected")]).find("cart.shop")
    assert host
    assert host.redirect is redirect


def test_of_two_objects_with_one_host_the_older_keeps_it() -> None:
    old = ingress(rule(HOST, paths=[path(split("old"))]), name="b", created="2026-01-01T00:00:00Z")
    new = ingress(rule(HOST, paths=[path(split("new"))]), name="a", created="2026-01-02T00:00:00Z")
    assert goes_to(Table.of([new, old])) == goes_to(Table.of([old, new])) == "old"


def test_a_name_within_the_cluster_is_never_taken_by_a_public_host() -> None:
    public = ingress(
        rule("cart.shop", paths=[path(split("thief", namespace="den"))]),
        namespace="den",
        created="2020-01-01T00:00:00Z",
    )
    assert goes_to(Table.of([public, route()]), host="cart.shop") == "cart-00001"


@pytest.mark.parametrize("kind", [None, "", "kourier.ingress.networking.knative.dev"])
def test_hosts_of_another_class_are_not_served(kind: str | None) -> None:
    table = Table.of([route(kind=kind)])
    assert goes_to(table, host="cart.shop.svc.cluster.local") is None


@pytest.mark.parametrize("kind", ["catnap.ingress.networking.knative.dev", "another"])
def test_the_split_of_a_service_is_known_whatever_the_class(kind: str) -> None:
    table = Table.of([route(split("cart-00001", 80), split("cart-00002", 20), kind=kind)])
    assert [(each.revision, each.percent) for each in table.splits("shop", "cart")] == [
        ("cart-00001", 80),
        ("cart-00002", 20),
    ]
    assert table.splits("shop", "another") == table.splits("cart", "shop") == ()


def test_the_split_of_a_service_is_that_without_a_tag() -> None:
    tagged = path(split("cart-00002"), headers={"Knative-Serving-Tag": {"exact": "blue"}})
    rules = rule("cart.shop.svc.cluster.local", paths=[tagged, path(split("cart-00001"))])
    [only] = Table.of([ingress(rules)]).splits("shop", "cart")
    assert only == Split(
        "shop",
        "cart-00001",
        80,
        "cart-00001",
        100,
        ((b"knative-serving-namespace", b"shop"), (b"knative-serving-revision", b"cart-00001")),
    )


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ([], "spec.rules"),
        ([{"hosts": [HOST]}], r"spec.rules\[0\].http.paths"),
        ([rule(HOST, paths=[])], r"spec.rules\[0\].http.paths"),
        ([rule(paths=[path(split("a"))])], r"spec.rules\[0\].hosts"),
        ([rule("a.den.svc.cluster.local", paths=[path(split("a"))])], "'shop'"),
        ([rule("a.den", paths=[path(split("a"))], visibility="ClusterLocal")], "'shop'"),
        ([rule(HOST, paths=[path(split("a"))], visibility="Secret")], "'Secret'"),
        ([rule(HOST, paths=[path()])], r"paths\[0\].splits"),
        ([rule(HOST, paths=[path(split("a", 50), split("b", 40))])], "add up to 90"),
        ([rule(HOST, paths=[path(split("a", 101))])], "101"),
        ([rule(HOST, paths=[path(split("a", namespace="bank"))])], "'bank'"),
        ([rule(HOST, paths=[path(split("a", servicePort="http"))])], "'http'"),
        ([rule(HOST, paths=[path(split(""))])], "serviceName"),
        ([rule(HOST, paths=[{}])], r"splits.*rules\[0\]"),
    ],
)
def test_an_object_that_means_nothing_is_refused_with_the_place(
    rules: list[dict[str, object]], said: str
) -> None:
    with pytest.raises(InvalidRequest, match=said):
        Table.of([ingress(*rules)])


def test_a_version_of_an_object_has_the_digest_that_knative_computes() -> None:
    # The digest is what Knative's ingress.ComputeHash gives for this object.
    tag = {"Knative-Serving-Tag": {"exact": "blue"}, "A": {"exact": ""}}
    first = {
        "serviceNamespace": "shop",
        "serviceName": "cart-00001",
        "servicePort": 80,
        "percent": 40,
        "appendHeaders": {"Q": "é"},
    }
    second = {
        "serviceNamespace": "shop",
        "serviceName": "cart-00002",
        "servicePort": "http",
        "percent": 60,
    }
    third = {
        "serviceNamespace": "shop",
        "serviceName": "cart-00001",
        "servicePort": 81,
        "percent": 0,
    }
    paths = [
        path(
            first,
            second,
            path="/x",
            rewriteHost="r.example",
            headers=tag,
            appendHeaders={"Z": "1", "B": "2"},
        ),
        path(third),
    ]
    tls = [{"hosts": ["a.example"], "secretName": "s", "secretNamespace": "shop"}]
    local = rule("cart.shop", "a&b<c>", paths=paths, visibility="ClusterLocal")
    made = ingress(local, tls=tls, httpOption="Enabled")
    assert kingress.read(made).digest == (
        "0c711194b07a5b97100bcb7fca85f0a745526352aa610e5bcd0225d8b7e1d682"
    )
