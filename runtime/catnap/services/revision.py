"""What a platform reads out of a Service object, with Knative's defaults."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import msgspec

from catnap.errors import InvalidRequest
from catnap.scaling import Settings, from_annotations
from catnap.services.probes import Probes, read_probes
from catnap.services.render import API_VERSION, AUTOSCALING, CATNAP
from catnap.services.room import QUEUE
from catnap.services.timeouts import Timeouts, read_timeouts
from catnap.sessions.table import IDLE
from catnap.skills.duration import Duration

MAX_CONCURRENCY = 1000
"""Source: Knative Serving, container-concurrency-max-limit."""

_SUFFIXES: dict[str, int | Decimal] = {"m": Decimal("0.001"), "": 1}
_SUFFIXES |= {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_SUFFIXES |= {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


@dataclass(frozen=True)
class Bounds:
    """What one instance may take; 0 sets no bound."""

    cpu: float = 0.0
    """Cores."""
    memory: int = 0
    """Bytes."""


@dataclass(frozen=True)
class Revision:
    """One immutable deploy: what its instances are and how many may be."""

    namespace: str
    service: str
    name: str
    image: str
    digest: str
    """Of the template: another digest is another revision."""
    concurrency: int
    """Calls an instance may have at once; 0 for any number."""
    timeouts: Timeouts
    scale: Settings
    queue: int
    """Calls that may wait for a place, over all who share it."""
    probes: Probes
    affinity: bool
    session_idle: float
    """Seconds without a call after which a session is a new one."""
    session_max: int
    """Sessions of one instance; 0 for any number."""
    preload: tuple[str, ...]
    bounds: Bounds
    env: Mapping[str, str] = field(repr=False)
    secrets: tuple[str, ...] = ()
    """Names of those that its instances get."""
    workspace: bool = False
    """Each session has a folder of its own."""


def digest_of(service: Mapping[str, Any]) -> str:
    template = msgspec.json.encode(service["spec"]["template"], order="deterministic")
    return hashlib.sha256(template).hexdigest()


def revision_of(service: Mapping[str, Any], number: int) -> Revision:
    """The revision that a Service object asks for.

    Raises InvalidRequest where it asks for what this platform does not do: an
    unknown autoscaling annotation is refused by its name, never ignored.
    """
    try:
        return _revision_of(service, number)
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidRequest(f"the Service object lacks a field: {error}") from None
    except ValueError as error:
        raise InvalidRequest(f"the Service object: {error}") from None


def _revision_of(service: Mapping[str, Any], number: int) -> Revision:
    if service.get("apiVersion") != API_VERSION or service.get("kind") != "Service":
        raise InvalidRequest(f"needs a {API_VERSION} Service, got {service.get('kind')!r}")
    meta = service["metadata"]
    template = service["spec"]["template"]
    annotations: Mapping[str, str] = template["metadata"].get("annotations", {})
    spec = template["spec"]
    [container] = spec["containers"]
    limits: Mapping[str, str] = container.get("resources", {}).get("limits", {})
    if "nvidia.com/gpu" in limits:
        raise InvalidRequest(f"{meta['name']}: limits.gpu needs a cluster; models are shared here")
    concurrency = spec.get("containerConcurrency", 0)
    if not isinstance(concurrency, int) or not 0 <= concurrency <= MAX_CONCURRENCY:
        raise ValueError(f"containerConcurrency: must be from 0 to {MAX_CONCURRENCY}")

    return Revision(
        namespace=meta["namespace"],
        service=meta["name"],
        name=f"{meta['name']}-{number:05}",
        image=container["image"],
        digest=digest_of(service),
        concurrency=concurrency,
        timeouts=read_timeouts(spec),
        scale=_scale(annotations, concurrency),
        queue=_queue(annotations.get(CATNAP + "queue", str(QUEUE))),
        probes=read_probes(container),
        affinity=annotations.get(CATNAP + "session-affinity") != "false",
        session_idle=Duration.parse(annotations.get(CATNAP + "session-idle", IDLE)),
        session_max=int(annotations.get(CATNAP + "session-max", "0")),
        preload=tuple(filter(None, annotations.get(CATNAP + "preload", "").split(","))),
        bounds=Bounds(
            cpu=float(_quantity(limits.get("cpu", "0"))),
            memory=int(_quantity(limits.get("memory", "0"))),
        ),
        env={each["name"]: each["value"] for each in container.get("env", ())},
        secrets=tuple(_secrets(spec)),
        workspace=annotations.get(CATNAP + "session-workspace") == "true",
    )


def _secrets(spec: Mapping[str, Any]) -> Iterator[str]:
    for volume in spec.get("volumes", ()):
        yield from (item["key"] for item in volume.get("secret", {}).get("items", ()))


def _quantity(text: str) -> Decimal:
    """Source: Kubernetes, resource quantities, without exponents."""
    number = text.rstrip("mkMGTi")
    try:
        return Decimal(number) * _SUFFIXES[text[len(number) :]]
    except (ArithmeticError, KeyError):
        raise ValueError(f"{text!r} is no quantity such as '500m' or '512Mi'") from None


def _scale(annotations: Mapping[str, str], concurrency: int) -> Settings:
    """As Knative reads it, but for the initial scale where none is asked for:
    a skill that is deployed and never called costs nothing here. Source of
    what Knative lets an operator choose so: allow-zero-initial-scale.
    """
    scale = from_annotations(annotations, concurrency)
    asked = AUTOSCALING + "initial-scale" in annotations
    return scale if asked else replace(scale, initial_scale=0)


def _queue(text: str) -> int:
    if not text.isdecimal():
        raise ValueError(f"annotation {CATNAP}queue: {text!r} is no number of calls")
    return int(text)
