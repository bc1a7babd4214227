"""@skill: a function and its types, as the host needs them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from catnap.errors import InvalidRequest
from catnap.skills.context import Context

F = TypeVar("F", bound=Callable[..., Any])
ATTRIBUTE = "__catnap_skill__"


@dataclass(frozen=True, slots=True)
class Skill:
    """What `@skill` found out about a function.

    input, output: the declared types; Any where there is none. Bytes are
    passed as they are, everything else as JSON.
    """

    function: Callable[..., Any]
    input: Any
    output: Any
    takes_request: bool
    is_async: bool
    is_stream: bool
    has_default: bool = False
    """The request can be left out: its parameter has a default."""

    def arguments(self, context: Context, data: bytes) -> tuple[Any, ...]:
        """What the function is called with. Without a payload the request is
        its parameter's default, where it has one. Raises InvalidRequest."""
        if not self.takes_request or (self.has_default and not data):
            return (context,)
        return context, self.decode(data)

    def decode(self, data: bytes) -> Any:
        """The payload as the declared input type.

        Raises InvalidRequest with the path of what is wrong. An empty payload
        is JSON null.
        """
        if self.input is bytes:
            return data
        try:
            return msgspec.json.decode(data or b"null", type=self.input)
        except msgspec.ValidationError as error:
            text, _, path = str(error).partition(" - at `$")
            place = f" at {path.rstrip('`').lstrip('.')!r}" if path else ""
            raise InvalidRequest(f"the payload does not fit{place}: {text}") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidRequest(f"the payload is not JSON: {error}") from None

    def encode(self, answer: Any) -> tuple[str, bytes]:
        """The content type and the bytes of what the function gave back."""
        if isinstance(answer, bytes | bytearray | memoryview):
            return "application/octet-stream", bytes(answer)
        return "application/json", msgspec.json.encode(answer)

    def schemas(self) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        """JSON Schema (2020-12) of input and output; None where no type says.

        Raises InvalidRequest for a type that JSON cannot carry.
        """
        try:
            return _schema(self.input), _schema(self.output)
        except TypeError as error:
            reason = str(error).strip().rpartition("\n")[2]
            raise InvalidRequest(
                f"@skill {self.function.__qualname__}: {reason}: annotate with a msgspec.Struct, "
                "a dataclass or a TypedDict"
            ) from None


def skill(function: F) -> F:
    """Marks the function that a skill is called by.

    It takes a Context and, if it wants one, the request; the annotations of
    the request and of the return value validate and describe them. A default
    of the request stands for an empty payload. An async generator streams its
    answer.
    """
    hints = get_type_hints(function, include_extras=True)
    parameters = [
        p
        for p in inspect.signature(function).parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    if not 1 <= len(parameters) <= 2:
        raise TypeError(f"@skill {function.__qualname__}: takes (ctx) or (ctx, request)")
    output = hints.get("return", Any)
    is_stream = inspect.isasyncgenfunction(function)
    if is_stream and get_args(output):
        output = get_args(output)[0]
    found = Skill(
        function=function,
        input=hints.get(parameters[1].name, Any) if len(parameters) == 2 else Any,
        output=output,
        takes_request=len(parameters) == 2,
        is_async=inspect.iscoroutinefunction(function),
        is_stream=is_stream,
        has_default=parameters[-1].default is not inspect.Parameter.empty,
    )

    @functools.wraps(function)
    def entry(*args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and not kwargs and not isinstance(args[0], Context):
            # The stock functions-framework command calls with a Flask request.
            from catnap.skills.stock import answer

            return answer(found, args[0])
        return function(*args, **kwargs)

    setattr(entry, ATTRIBUTE, found)
    return entry  # type: ignore[return-value]


def _schema(kind: Any) -> dict[str, Any] | None:
    if kind in (Any, bytes, None, type(None)) or get_origin(kind) is AsyncIterator:
        return None
    return msgspec.json.schema(kind)
