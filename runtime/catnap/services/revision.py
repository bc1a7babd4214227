"""What a platform reads out of a Service object, with Knative's defaults."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from catnap.errors import InvalidRequest
from catnap.scaling import Scale
from catnap.services.render import API_VERSION, AUTOSCALING, CATNAP
from catnap.sessions.table import IDLE
from catnap.skills.duration import Duration

_AUTOSCALING = ("min-scale", "max-scale", "target", "window", "scale-to-zero-pod-retention-period")
_UTILIZATION = 0.7
_UNBOUNDED = 100
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
    timeout: float
    """Seconds."""
    scale: Scale
    window: float
    """Seconds."""
    retention: float
    """Seconds the last instance stays after a quiet window."""
    affinity: bool
    session_idle: float
    """Seconds without a call after which a session is a new one."""
    preload: tuple[str, ...]
    bounds: Bounds
    env: Mapping[str, str] = field(repr=False)


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
    for name in annotations:
        if name.startswith(AUTOSCALING) and name.removeprefix(AUTOSCALING) not in _AUTOSCALING:
            raise InvalidRequest(f"annotation {name!r} is not supported by the local platform")
    spec = template["spec"]
    [container] = spec["containers"]
    limits: Mapping[str, str] = container.get("resources", {}).get("limits", {})
    if "nvidia.com/gpu" in limits:
        raise InvalidRequest(f"{meta['name']}: limits.gpu needs a cluster; models are shared here")
    concurrency = int(spec.get("containerConcurrency", 0))

    def seconds(name: str, default: str) -> float:
        return Duration.parse(annotations.get(AUTOSCALING + name, default))

    return Revision(
        namespace=meta["namespace"],
        service=meta["name"],
        name=f"{meta['name']}-{number:05}",
        image=container["image"],
        digest=digest_of(service),
        concurrency=concurrency,
        timeout=float(spec.get("timeoutSeconds", 300)),
        scale=Scale(
            min=int(annotations.get(AUTOSCALING + "min-scale", "0")),
            max=int(annotations.get(AUTOSCALING + "max-scale", "0")),
            target=_target(annotations.get(AUTOSCALING + "target"), concurrency),
            capacity=float(concurrency or _UNBOUNDED),
        ),
        window=seconds("window", "60s"),
        retention=seconds("scale-to-zero-pod-retention-period", "0s"),
        affinity=annotations.get(CATNAP + "session-affinity") != "false",
        session_idle=Duration.parse(annotations.get(CATNAP + "session-idle", IDLE)),
        preload=tuple(filter(None, annotations.get(CATNAP + "preload", "").split(","))),
        bounds=Bounds(
            cpu=float(_quantity(limits.get("cpu", "0"))),
            memory=int(_quantity(limits.get("memory", "0"))),
        ),
        env={each["name"]: each["value"] for each in container.get("env", ())},
    )


def _quantity(text: str) -> Decimal:
    """Source: Kubernetes, resource quantities, without exponents."""
    number = text.rstrip("mkMGTi")
    try:
        return Decimal(number) * _SUFFIXES[text[len(number) :]]
    except (ArithmeticError, KeyError):
        raise ValueError(f"{text!r} is no quantity such as '500m' or '512Mi'") from None


def _target(annotation: str | None, concurrency: int) -> float:
    """Calls an instance should have at once: a share of what it may have.

    Source: Knative Serving, autoscaler configuration, utilization 70 %.
    """
    total = float(annotation) if annotation else float(concurrency or _UNBOUNDED)
    if concurrency:
        total = min(total, concurrency)
    return max(0.01, total * _UTILIZATION)
