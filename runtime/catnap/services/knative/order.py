"""What a deploy is asked for, and what it came to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from catnap.errors import CatnapError
from catnap.services.cluster.install import Install
from catnap.services.containers import BuildSettings
from catnap.services.knative.apply import Planned

State = Literal["working", "ready", "failed"]


class Tell(Protocol):
    def __call__(self, label: str, state: State, text: str, trouble: str = "") -> None:
        """Is told how a part is: a skill, `catnap-gateway` or `catnap-models`.

        text: what is done for it, what it waits for, or why it failed.
        trouble: why the wait may be in vain.
        """


@dataclass(frozen=True, kw_only=True)
class Order:
    """install: the images of its platform are filled in by the deploy. models:
    names that the gateway serves. images: ready-made ones, by skill, or for
    `catnap-gateway` and `catnap-models`. timeout: seconds until what is not ready has failed.
    wait: whether to wait for that at all. whole: with the platform, even where
    it is there. resize: the install's storage is meant; else a volume that is
    there stays as it is. bucket: whether the install's settings name one for files."""

    folders: tuple[Path, ...]
    home: Path
    install: Install
    models: Collection[str]
    build: BuildSettings
    images: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 300.0
    wait: bool = True
    whole: bool = True
    resize: bool = False
    bucket: bool = False


@dataclass(frozen=True, kw_only=True)
class Result:
    """A skill of one tenant, or a part of the platform. ready: None where that
    was not awaited. revision: the newest. serving: an older one that serves
    while the newest does not. problem: why."""

    label: str
    ready: bool | None = None
    namespace: str = ""
    image: str = ""
    revision: str = ""
    serving: str = ""
    problem: CatnapError | None = None


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """planned: every object, and what differed. applied: those of it that were
    written. results: the platform's first. others: skills of the same tenants
    that were not part of the order."""

    planned: tuple[Planned, ...]
    applied: tuple[Planned, ...]
    results: tuple[Result, ...]
    others: tuple[str, ...] = ()
