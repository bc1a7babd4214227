"""What a model takes and gives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import onnxruntime as ort

from catnap.errors import InvalidRequest
from catnap.models.serving.datatypes import OIP, ONNX, Datatype

Dimension = int | str | None
"""Its size, or the name that a graph has for it where it is free, if any."""


@dataclass(frozen=True)
class Tensor:
    """One of a model's inputs or outputs."""

    name: str
    datatype: Datatype
    dims: tuple[Dimension, ...]
    optional: bool = False
    """An input that a request may leave out."""

    @property
    def shape(self) -> list[int]:
        """-1 where it is free."""
        return [size if isinstance(size, int) else -1 for size in self.dims]


@dataclass(frozen=True)
class Signature:
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    def output(self, name: str) -> Tensor:
        return next(tensor for tensor in self.outputs if tensor.name == name)


def tensor(name: str, datatype: str, *dims: Dimension, optional: bool = False) -> Tensor:
    """datatype: the protocol's name of it."""
    return Tensor(name, OIP[datatype], dims, optional)


def of_session(session: ort.InferenceSession) -> Signature:
    """Raises InvalidRequest where a tensor is of a kind that cannot be sent."""
    return Signature(
        _tensors("input", session.get_inputs()), _tensors("output", session.get_outputs())
    )


def _tensors(which: str, found: Sequence[ort.NodeArg]) -> tuple[Tensor, ...]:
    return tuple(_tensor(which, each) for each in found)


def _tensor(which: str, found: ort.NodeArg) -> Tensor:
    datatype = ONNX.get(found.type)
    if datatype is None:
        raise InvalidRequest(
            f"{which} {found.name!r} of the graph is {found.type}, which the protocol has no "
            f"datatype for: known: {', '.join(ONNX)}"
        )
    return Tensor(found.name, datatype, tuple(_dims(found.shape)))


def _dims(shape: Iterable[int | str | None]) -> Iterable[Dimension]:
    for size in shape:
        # Exporters write -1 and 0 for what they do not know.
        yield None if isinstance(size, int) and size < 1 else size or None
