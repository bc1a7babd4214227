"""Where a request goes: the hosts, paths and traffic splits of all Ingress objects.

Pure: objects in, a table out; the choice takes its random number as an argument.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from catnap.services.knative import kingress
from catnap.services.knative.kingress import KIngress

Fields = tuple[tuple[bytes, bytes], ...]

MAX_RENAMES = 8
"""Hosts that one host may lead to in turn; more of them go in a circle."""

_REVISION = b"knative-serving-revision"
_PORT = re.compile(r":\d*\Z")


@dataclass(frozen=True, slots=True)
class Split:
    """A share of a host's traffic.

    service, port: the Kubernetes Service that leads to it, warm or cold.
    revision: empty where it is no Knative revision's. percent: a single split
    has 100. headers: to set on a request that goes here, names in lower case.
    """

    namespace: str
    service: str
    port: int
    revision: str
    percent: int
    headers: Fields = ()


@dataclass(frozen=True, slots=True)
class Path:
    """Requests of one host whose path begins with `prefix`, and that have all
    of the headers."""

    prefix: str
    headers: Fields
    splits: tuple[Split, ...]
    rewrite_host: str = ""

    def matches(self, path: str, headers: Mapping[bytes, bytes]) -> bool:
        return path.startswith(self.prefix) and all(
            headers.get(name) == value for name, value in self.headers
        )

    def split(self, random: float) -> Split:
        """random: 0 <= random < 1."""
        left = random * 100
        for split in self.splits:
            left -= split.percent
            if left < 0:
                return split
        return self.splits[-1]


@dataclass(frozen=True, slots=True)
class Host:
    """One host of one object. public: it is for the world outside too. paths:
    the most specific first. redirect: plain HTTP is answered with the https
    address."""

    ingress: KIngress
    public: bool
    paths: tuple[Path, ...]
    redirect: bool

    def path(self, path: str, headers: Mapping[bytes, bytes]) -> Path | None:
        return next((each for each in self.paths if each.matches(path, headers)), None)


@dataclass(frozen=True, slots=True)
class Target:
    """What was chosen for a request.

    asked: the host that it named. host: the one that it was renamed to, which
    is the same where it was not; path and split are of that one. name: what
    its Host header shall say. headers: to set on it.
    """

    asked: Host
    host: Host
    path: Path
    split: Split
    name: str
    headers: Fields


class Table:
    """Every host that is served, and every Service's traffic split.

    Of two objects with one host the older keeps it. A name within the cluster
    is of one namespace only and never taken by a public host.
    """

    def __init__(self, served: Iterable[KIngress], others: Iterable[KIngress] = ()) -> None:
        """served: whose hosts are answered here. others: whose hosts another
        networking layer answers, and whose splits count all the same. All
        have passed `kingress.check`."""
        self._hosts = _by_name(served)
        self._elsewhere = _by_name(others)

    @classmethod
    def of(cls, objects: Iterable[Mapping[str, Any]]) -> Table:
        """Raises InvalidRequest, naming the place, for an object that no
        table can be made of."""
        ingresses = [kingress.read(each) for each in objects]
        for ingress in ingresses:
            kingress.check(ingress)
        return cls(
            (each for each in ingresses if each.ours),
            (each for each in ingresses if not each.ours),
        )

    def find(self, host: str) -> Host | None:
        """host: as a Host header names it."""
        return self._hosts.get(host_name(host))

    def choose(
        self, host: str, path: str, headers: Mapping[bytes, bytes], random: float
    ) -> Target | None:
        """Where a request goes; None where no object says so.

        A host that is renamed to another of the table leads where that leads.
        headers: names in lower case. random: 0 <= random < 1.
        """
        asked = found = self.find(host)
        setting: dict[bytes, bytes] = {}
        for _ in range(MAX_RENAMES):
            chosen = found.path(path, headers) if found else None
            if asked is None or found is None or chosen is None:
                return None
            split = chosen.split(random)
            setting.update(split.headers)
            host = chosen.rewrite_host or host
            renamed = self.find(chosen.rewrite_host)
            if renamed is None:
                return Target(asked, found, chosen, split, host, tuple(setting.items()))
            found = renamed
        return None

    def splits(self, namespace: str, service: str, tag: str = "") -> tuple[Split, ...]:
        """How a Knative Service's traffic is split where a request names that
        tag, or none; empty where the Route of that name has not been seen, or
        has no such tag. Another Service's name may look like the tag's."""
        label = f"{tag}-{service}" if tag else service
        name = f"{label}.{namespace}.svc.cluster.local"
        host = self._hosts.get(name) or self._elsewhere.get(name)
        if host is None or host.ingress.route != service:
            return ()
        path = host.path("/", {})
        return path.splits if path and not path.rewrite_host else ()


def host_name(host: str) -> str:
    """A Host header without its port, as names are compared."""
    return _PORT.sub("", host.strip()).rstrip(".").lower()


def _by_name(ingresses: Iterable[KIngress]) -> dict[str, Host]:
    found = [each for ingress in ingresses for each in _hosts(ingress)]
    found.sort(key=lambda each: (each[1].public, each[1].ingress.age), reverse=True)
    return dict(found)  # of two the last, which is the oldest


def _hosts(ingress: KIngress) -> Iterable[tuple[str, Host]]:
    for rule in ingress.spec.rules:
        assert rule.http is not None
        public = rule.visibility != "ClusterLocal"
        host = Host(
            ingress,
            public,
            tuple(sorted(map(_path, rule.http.paths), key=_order)),
            public and ingress.spec.http_option == "Redirected",
        )
        for name in rule.hosts:
            yield host_name(name), host


def _order(path: Path) -> tuple[int, int]:
    """The longest prefix first, then the most headers, then as they stand."""
    return -len(path.prefix), -len(path.headers)


def _path(path: kingress.Path) -> Path:
    return Path(
        prefix="" if path.path == "/" else path.path,
        headers=_fields({name: match.exact for name, match in path.headers.items()}),
        splits=tuple(_split(each, path) for each in path.splits),
        rewrite_host=path.rewrite_host,
    )


def _split(backend: kingress.Backend, path: kingress.Path) -> Split:
    assert isinstance(backend.service_port, int)
    headers = _fields(path.append_headers, backend.append_headers)
    return Split(
        namespace=backend.service_namespace,
        service=backend.service_name,
        port=backend.service_port,
        revision=dict(headers).get(_REVISION, b"").decode(),
        percent=100 if len(path.splits) == 1 else backend.percent,
        headers=headers,
    )


def _fields(*headers: Mapping[str, str]) -> Fields:
    """Of two of one name the later."""
    return tuple(
        {
            name.lower().encode(): value.encode()
            for each in headers
            for name, value in each.items()
        }.items()
    )
