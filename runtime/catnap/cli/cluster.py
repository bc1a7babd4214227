"""How a command reaches a cluster, and how kubectl would."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from catnap.services.knative.api import Api


@dataclass(frozen=True)
class Access:
    """kubeconfig, context: as given by flag; None for kubectl's own choice, and
    an empty context for the current one."""

    kubeconfig: Path | None
    context: str | None

    @property
    def named(self) -> bool:
        """Whether a flag says which cluster is meant."""
        return self.kubeconfig is not None or self.context is not None

    def connect(self) -> Api:
        from catnap.services.knative.api import Api

        return Api.connect(self.kubeconfig, self.context or None)

    def kubectl(self, namespace: str) -> str:
        """What a kubectl command begins with, to reach the same place."""
        words = ["kubectl"]
        if self.kubeconfig:
            words += ["--kubeconfig", str(self.kubeconfig)]
        if self.context:
            words += ["--context", self.context]
        return shlex.join([*words, "-n", namespace])


def with_cluster(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives the command --kubeconfig and --context as one argument, `access`."""

    @click.option(
        "--kubeconfig",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        help="Kube config. Default: the one that kubectl takes.",
    )
    @click.option("--context", help="Its context. Default: the current one.")
    @functools.wraps(function)
    def command(kubeconfig: Path | None, context: str | None, **arguments: Any) -> Any:
        return function(access=Access(kubeconfig, context), **arguments)

    return command
