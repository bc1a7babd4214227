"""@skill: a function and its types, as the host needs them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from catnap.errors import InvalidRequest
from catnap.events import Event
from catnap.skills.context import Context

F = TypeVar("F", bound=Callable[..., Any])
ATTRIBUTE = "__catnap_skill__"

_BYTES = {"contentMediaType": "application/octet-stream"}
_CHUNKS = {**_BYTES, "description": "Any number of bytes, read while they arrive."}

_ASYNC = (AsyncIterator, AsyncIterable)
_SYNC = (Iterator, Iterable)


class Skill(msgspec.Struct, frozen=True):
    """What `@skill` found out about a function.

    input, output: the declared types; Any where there is none, and of a stream
    that of its parts. Bytes are passed as they are, everything else as JSON.
    """

    function: Callable[..., Any]
    input: Any
    output: Any
    decoder: msgspec.json.Decoder[Any]
    takes_request: bool
    is_async: bool
    is_stream: bool
    """It yields its answer in parts."""
    has_default: bool = False
    """The request can be left out: its parameter has a default."""
    takes_stream: bool = False
    """It reads the payload itself, as chunks of bytes that still arrive."""

    @property
    def takes_json(self) -> bool:
        return self.takes_request and not self.takes_stream and self.input is not bytes

    def arguments(self, context: Context, data: bytes) -> tuple[Any, ...]:
        """What the function is called with. Without a payload the request is
        its parameter's default, where it has one. Raises InvalidRequest."""
        if self.takes_stream:
            return context, _once(data) if self.is_async else iter((data,) if data else ())
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
            return self.decoder.decode(data or b"null")
        except msgspec.ValidationError as error:
            text, _, path = str(error).partition(" - at `$")
            place = f" at {path.rstrip('`').lstrip('.')!r}" if path else ""
            raise InvalidRequest(f"the payload does not fit{place}: {text}") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidRequest(f"the payload is not JSON: {error}") from None

    def schemas(self) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        """JSON Schema (2020-12) of input and output; None where no type says.

        Raises InvalidRequest for a type that JSON cannot carry.
        """
        try:
            accepts = _CHUNKS if self.takes_stream else _schema(self.input)
            return accepts, _schema(self.output)
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
    of the request stands for an empty payload. A generator streams its answer.

    A request of `AsyncIterator[bytes]`, or `Iterator[bytes]` in a function
    without async, is the payload while it arrives, of any length: the function
    begins at once, and a sender that is faster than it is made to wait.
    `ctx.event` then has no data, except that of an event in the structured
    mode, which had to come as a whole.
    """
    hints = get_type_hints(function, include_extras=True)
    parameters = [
        p
        for p in inspect.signature(function).parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    name = f"@skill {function.__qualname__}"
    if not 1 <= len(parameters) <= 2:
        raise TypeError(f"{name}: takes (ctx) or (ctx, request)")
    accepts = hints.get(parameters[1].name, Any) if len(parameters) == 2 else Any
    output = hints.get("return", Any)
    is_stream = inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function)
    if is_stream and get_args(output):
        output = get_args(output)[0]
    is_async = inspect.isasyncgenfunction(function) or inspect.iscoroutinefunction(function)
    takes_stream = _takes_stream(accepts, name, is_async=is_async)
    found = Skill(
        function=function,
        input=accepts,
        output=output,
        decoder=msgspec.json.Decoder(Any if takes_stream else accepts),
        takes_request=len(parameters) == 2,
        is_async=is_async,
        is_stream=is_stream,
        has_default=parameters[-1].default is not inspect.Parameter.empty,
        takes_stream=takes_stream,
    )

    @functools.wraps(function)
    def entry(*args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and not kwargs and not isinstance(args[0], Context):
            # The stock functions-framework command calls with a request of its own.
            from catnap.host.stock import answer

            return answer(found, args[0])
        return function(*args, **kwargs)

    setattr(entry, ATTRIBUTE, found)
    return entry  # type: ignore[return-value]


def _takes_stream(kind: Any, name: str, *, is_async: bool) -> bool:
    origin = get_origin(kind)
    if origin not in (*_ASYNC, *_SYNC):
        return False
    if get_args(kind) != (bytes,) or origin not in (_ASYNC if is_async else _SYNC):
        wanted = "AsyncIterator[bytes]" if is_async else "Iterator[bytes]"
        raise TypeError(f"{name}: a request that is streamed to it is of type {wanted}")
    return True


async def _once(data: bytes) -> AsyncIterator[bytes]:
    if data:
        yield data


def _schema(kind: Any) -> dict[str, Any] | None:
    if kind in (Any, None, type(None), Event):
        return None
    if kind is bytes:
        return _BYTES
    return msgspec.json.schema(kind)
