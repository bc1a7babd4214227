"""An operation as a method of a client."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")


class Service:
    """Some of a client's methods, sent over its wire."""

    def __init__(self, wire: Any) -> None:
        self._wire = wire


class Method(Generic[P, T, R]):
    """Makes an operation from the arguments and sends it.

    The signature is the operation's, the result what the wire makes of it:
    one table of operations serves the blocking and the asyncio client.
    """

    def __init__(self, make: Callable[P, T], send: Callable[[Any, T], R]) -> None:
        self._make, self._send = make, send
        self.__doc__ = make.__doc__
        self.__wrapped__ = make

    def __get__(self, service: Service | None, owner: type[Service]) -> Callable[P, R]:
        make, send = self._make, self._send

        def method(*args: P.args, **kwargs: P.kwargs) -> R:
            if service is None:
                raise TypeError(f"{make.__name__} needs a connected client")
            return send(service._wire, make(*args, **kwargs))

        return functools.update_wrapper(method, make)
