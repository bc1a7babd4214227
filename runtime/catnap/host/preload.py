"""Modules that a zygote imports once, for all the instances that it forks."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterable

from catnap.errors import InvalidRequest
from catnap.host import blame


def preload(modules: Iterable[str]) -> None:
    """Imports them in their order.

    Raises InvalidRequest, naming the module, where one cannot be imported or
    would not outlive a fork.
    """
    for name in modules:
        try:
            importlib.import_module(name)
        except (Exception, SystemExit) as error:
            said = f"scale.preload: cannot import {name}: {blame.reason(error)}"
            raise InvalidRequest(said) from error
        lost = _lost_in_a_fork()
        if lost:
            raise InvalidRequest(
                f"scale.preload: {name} {lost}, which a fork would break: "
                "leave it to the skill's own imports"
            )


def _lost_in_a_fork() -> str:
    if "grpc" in sys.modules:
        return "imports grpc"
    started = [each.name for each in threading.enumerate() if each is not threading.main_thread()]
    return f"starts the thread {started[0]!r}" if started else ""
