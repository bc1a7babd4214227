"""The lines of `catnap scale decide`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from catnap.errors import InvalidRequest
from catnap.errors.nearest import nearest
from catnap.scaling import Decision, Observation, Settings, State, decide, from_values

_Average = Annotated[float, Meta(ge=0, le=1e12)]

_Time = Annotated[float, Meta(ge=-1e12, le=1e12)] | Annotated[int, Meta(ge=-(10**12), le=10**12)]


class _Line(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    t: _Time | UnsetType = UNSET
    stable: _Average | UnsetType = UNSET
    panic: _Average | UnsetType = UNSET
    ready: Annotated[int, Meta(ge=0, le=2**31 - 1)] | UnsetType = UNSET
    settings: dict[str, Any] | UnsetType = UNSET


class _Answer(msgspec.Struct, gc=False):
    t: float
    want: int
    panicking: bool
    excess_burst_capacity: int


class _Reasoned(_Answer):
    why: str


_OBSERVATION = ("t", "stable", "panic", "ready")


class Decider:
    """Takes lines, settings and observations, and gives an answer to each of
    the latter."""

    def __init__(self, why: bool = False) -> None:
        self._why = why
        self._decoder = msgspec.json.Decoder(_Line)
        self._encoder = msgspec.json.Encoder()
        self._settings: Settings | None = None
        self._state = State()
        self._last = float("-inf")
        self._number = 0

    def take(self, lines: Sequence[bytes], write: Callable[[bytes], object]) -> None:
        """Writes the answers. Those before a line that is wrong are written too.

        Raises InvalidRequest naming the line, and the key.
        """
        answers: list[bytes] = []
        try:
            for line in lines:
                self._number += 1
                if answer := self._answer(line):
                    answers.append(answer)
        except InvalidRequest as error:
            raise InvalidRequest(f"line {self._number}: {error.message}") from None
        finally:
            write(b"".join(answers))

    def _answer(self, line: bytes) -> bytes | None:
        try:
            seen = self._decoder.decode(line)
        except msgspec.MsgspecError as error:
            if not line.strip():
                return None
            raise InvalidRequest(_wrong(line, error)) from None
        except UnicodeDecodeError as error:
            raise InvalidRequest(f"is not UTF-8: {error}") from None
        now, stable, panic, ready = seen.t, seen.stable, seen.panic, seen.ready
        if (
            seen.settings is not UNSET
            or now is UNSET
            or stable is UNSET
            or panic is UNSET
            or ready is UNSET
        ):
            self._begin(seen)
            return None
        if self._settings is None:
            raise InvalidRequest(
                'settings: there are none yet; {"settings": {}} are Knative\'s own'
            )
        if now < self._last:
            raise InvalidRequest(f"t: {now:g} is before the {self._last:g} of the line before")
        self._last = now
        self._state, decision = decide(
            self._settings, self._state, Observation(now, stable, panic, ready)
        )
        return self._encode(now, decision)

    def _begin(self, line: _Line) -> None:
        given = [name for name in _OBSERVATION if getattr(line, name) is not UNSET]
        if line.settings is UNSET:
            missing = [name for name in _OBSERVATION if name not in given]
            raise InvalidRequest(f"{missing[0]}: missing in an observation")
        if given:
            raise InvalidRequest(f"{given[0]}: is not for a line of settings")
        self._settings = from_values(line.settings)
        self._state, self._last = State(), float("-inf")

    def _encode(self, now: float, decision: Decision) -> bytes:
        want, panicking = decision.want, decision.panicking
        excess = decision.excess_burst_capacity
        if self._why:
            reasoned = _Reasoned(now, want, panicking, excess, decision.why)
            return self._encoder.encode(reasoned) + b"\n"
        return self._encoder.encode(_Answer(now, want, panicking, excess)) + b"\n"


def _wrong(line: bytes, error: Exception) -> str:
    """What is wrong with a line, beginning with the key if it is one."""
    try:
        found = msgspec.json.decode(line)
    except msgspec.ValidationError as problem:
        return str(problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return f"is not JSON: {error}"
    if not isinstance(found, dict):
        return "is not a JSON object"
    known = dict.fromkeys((*_OBSERVATION, "settings"))
    for key in found:
        if key not in known:
            return f"{key}: unknown, {nearest(key, known)}"
    text, _, path = str(error).partition(" - at `$.")
    return f"{path.rstrip('`')}: {text}" if path else text
