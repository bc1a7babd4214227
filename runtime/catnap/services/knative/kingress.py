"""Knative's Ingress object, read.

The type is internal to Knative: its controllers write it for every Route and
DomainMapping, and a networking layer makes it true. Source: knative.dev/networking,
pkg/apis/networking/v1alpha1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from catnap.errors import InvalidRequest

CLASS = "catnap.ingress.networking.knative.dev"
"""The class of the objects that the gateway makes true."""

PATH = "/apis/networking.internal.knative.dev/v1alpha1/ingresses"

_CLASS = "networking.knative.dev/ingress.class"
_ROUTE = "serving.knative.dev/route"


# The fields stand in the order of Knative's own types, and those that those
# leave out when empty have a default: `digest` depends on it.
class _Part(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    pass


class HeaderMatch(_Part, frozen=True):
    exact: str


class Backend(_Part, frozen=True):
    """One way that a path's requests may go."""

    service_namespace: str
    service_name: str
    service_port: int | str
    percent: int = 0
    append_headers: dict[str, str] = {}


class Path(_Part, frozen=True, kw_only=True):
    path: str = ""
    rewrite_host: str = ""
    headers: dict[str, HeaderMatch] = {}
    splits: list[Backend]
    append_headers: dict[str, str] = {}


class HTTP(_Part, frozen=True):
    paths: list[Path]


class Rule(_Part, frozen=True):
    hosts: list[str] = []
    visibility: str = ""
    http: HTTP | None = None


class TLS(_Part, frozen=True):
    hosts: list[str] = []
    secret_name: str = ""
    secret_namespace: str = ""


class Spec(_Part, frozen=True):
    tls: list[TLS] = []
    rules: list[Rule] = []
    http_option: str = ""


class Metadata(_Part, frozen=True):
    namespace: str
    name: str
    uid: str = ""
    generation: int = 0
    creation_timestamp: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class KIngress(_Part, frozen=True):
    metadata: Metadata
    spec: Spec = Spec()

    @property
    def key(self) -> tuple[str, str]:
        return self.metadata.namespace, self.metadata.name

    @property
    def id(self) -> str:
        return f"{self.metadata.namespace}/{self.metadata.name}"

    @property
    def route(self) -> str:
        """The Knative Service whose traffic it is; empty for another's."""
        return self.metadata.labels.get(_ROUTE, "")

    @property
    def ours(self) -> bool:
        """Whether its class is this gateway's. Knative writes the class of
        its configuration into every object that names none itself."""
        return self.metadata.annotations.get(_CLASS) == CLASS

    @property
    def age(self) -> tuple[str, str]:
        """Sorts the oldest first."""
        return self.metadata.creation_timestamp, self.id

    @property
    def digest(self) -> str:
        """What Knative's probes know a version of the object by."""
        spec = msgspec.json.encode(self.spec, order="deterministic")
        for plain, escaped in _ESCAPED:
            spec = spec.replace(plain, escaped)
        about = self.metadata.namespace + self.metadata.name
        return hashlib.sha256(spec + about.encode()).hexdigest()


# What Go's JSON encoder escapes and ours does not.
_ESCAPED = tuple(
    (character.encode(), b"\\u%04x" % ord(character)) for character in "<>&\u2028\u2029"
)


def read(document: Mapping[str, Any]) -> KIngress:
    """The object. Raises InvalidRequest with the place of what is wrong."""
    try:
        return msgspec.convert(document, KIngress)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"Ingress: {error}") from None


def check(ingress: KIngress) -> None:
    """Raises InvalidRequest for what no table can be made of.

    The rules are those of Knative's own validation, which no webhook enforces,
    and one more: the names of a namespace within the cluster are its own
    objects' only, lest another's object be given its callers' credentials.
    """
    if not ingress.spec.rules:
        raise InvalidRequest("spec.rules: there is none")
    if ingress.spec.http_option not in ("", "Enabled", "Redirected"):
        raise InvalidRequest(f"spec.httpOption: {ingress.spec.http_option!r} is not known")
    namespace = ingress.metadata.namespace
    for number, rule in enumerate(ingress.spec.rules):
        where = f"spec.rules[{number}]"
        if rule.http is None or not rule.http.paths:
            raise InvalidRequest(f"{where}.http.paths: there is none")
        if rule.visibility not in ("", "ExternalIP", "ClusterLocal"):
            raise InvalidRequest(f"{where}.visibility: {rule.visibility!r} is not known")
        if not rule.hosts:
            raise InvalidRequest(f"{where}.hosts: there is none, and an object cannot have all")
        for host in rule.hosts:
            _check_host(host, rule, namespace, f"{where}.hosts")
        for index, path in enumerate(rule.http.paths):
            _check_splits(path.splits, namespace, f"{where}.http.paths[{index}].splits")


def _check_host(host: str, rule: Rule, namespace: str, where: str) -> None:
    inside = rule.visibility == "ClusterLocal" or host.endswith((".svc", ".svc.cluster.local"))
    if inside and host.split(".")[1:2] != [namespace]:
        raise InvalidRequest(f"{where}: {host!r} is no name within namespace {namespace!r}")


def _check_splits(splits: list[Backend], namespace: str, where: str) -> None:
    if not splits:
        raise InvalidRequest(f"{where}: there is none")
    for split in splits:
        if split.service_namespace != namespace:
            raise InvalidRequest(
                f"{where}: serviceNamespace {split.service_namespace!r} is not the object's own"
            )
        if not split.service_name:
            raise InvalidRequest(f"{where}: a serviceName is empty")
        if not isinstance(split.service_port, int):
            raise InvalidRequest(
                f"{where}: servicePort {split.service_port!r} is a name: give its number"
            )
        if not 0 <= split.percent <= 100:
            raise InvalidRequest(f"{where}: percent {split.percent} is not within 0 and 100")
    total = sum(split.percent for split in splits)
    if total != 100 and not (len(splits) == 1 and total == 0):
        raise InvalidRequest(f"{where}: the percents add up to {total}, not to 100")
