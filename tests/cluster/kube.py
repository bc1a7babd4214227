"""kubectl, as an operator would use it."""

from __future__ import annotations

import json
import subprocess
from typing import Any


def kubectl(*arguments: str, given: object = None) -> str:
    """What it prints. given: an object for its standard input."""
    done = subprocess.run(
        ["kubectl", *arguments],
        input=None if given is None else json.dumps(given),
        capture_output=True,
        text=True,
        timeout=320,
    )
    assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def get(*arguments: str) -> Any:
    return json.loads(kubectl("get", *arguments, "-o", "json"))


def pods(namespace: str, skill: str) -> list[Any]:
    """The pods of a skill, those that are ending too."""
    selector = f"serving.knative.dev/service={skill}"
    found: list[Any] = get("pods", "-n", namespace, "-l", selector)["items"]
    return found


def until_gone(namespace: str, skill: str) -> None:
    """Returns once no pod of the skill remains."""
    selector = f"serving.knative.dev/service={skill}"
    kubectl("wait", "pods", "-n", namespace, "-l", selector, "--for=delete", "--timeout=300s")
