"""Which requests can be rows of one run, and how their tensors become one and come apart."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from catnap.errors import InvalidRequest
from catnap.models.serving.datatypes import Array
from catnap.models.serving.signature import Dimension, Signature, Tensor
from catnap.models.settings import Batch

Tensors = Mapping[str, Array]


@dataclass(frozen=True)
class Slice:
    """Rows of a request's tensors, which stand below those of others."""

    tensors: Tensors
    first: int
    rows: int


class Buckets:
    """Of one model. Where it takes no batches, each request is a row by itself."""

    def __init__(self, signature: Signature, batch: Batch, batches: bool) -> None:
        """batches: whether requests may be put together. Raises InvalidRequest
        where `batch.pad` does not fit the graph."""
        self._signature = signature
        self._lengths = batch.buckets
        self._pad = batch.pad
        self._batches = batches
        self._names = {tensor.dims[1] for tensor in _padded(signature, batch)}
        """Of the dimensions that padding makes longer."""

    def rows(self, tensors: Tensors) -> int:
        """Raises InvalidRequest where its tensors disagree."""
        if not self._batches:
            return 1
        names = list(tensors)
        rows = len(tensors[names[0]])
        for name in names[1:]:
            if len(tensors[name]) != rows:
                raise InvalidRequest(
                    f"input {name!r}: it has {len(tensors[name])} rows, and {names[0]!r} has {rows}"
                )
        lengths = {tensors[name].shape[1] for name in self._pad}
        if len(lengths) > 1:
            raise InvalidRequest(
                f"inputs {', '.join(self._pad)}: their dimension 1 is {sorted(lengths)}, not one"
            )
        return rows

    def bucket(self, tensors: Tensors) -> Hashable:
        """The same of two requests that can be in one run."""
        return tuple(
            (*self._shape(name, array)[1:],) if self._batches else None
            for name, array in sorted(tensors.items())
        )

    def feed(self, slices: Sequence[Slice]) -> Tensors:
        """The tensors of one run. Of one request that is whole, its own."""
        return {name: self._together(name, slices) for name in slices[0].tensors}

    def check(self, outputs: Sequence[Array], slices: Sequence[Slice]) -> None:
        """Raises ValueError where a run of several, or of a part, cannot come apart."""
        rows = sum(each.rows for each in slices)
        whole = len(slices) == 1 and rows == self.rows(slices[0].tensors)
        if not whole and any(len(output) != rows for output in outputs):
            raise ValueError(f"its outputs for {rows} rows have not as many")

    def cut(self, outputs: Sequence[Array], first: int, whole: Slice) -> list[Array]:
        """A request's part of a run's outputs, which begins at row `first`."""
        if not self._batches:
            return list(outputs)
        return [
            self._shorter(tensor, output[first : first + whole.rows], whole)
            for tensor, output in zip(self._signature.outputs, outputs, strict=True)
        ]

    def _shorter(self, tensor: Tensor, output: Array, whole: Slice) -> Array:
        """Without what padding made of it."""
        if not self._names.isdisjoint(tensor.dims):
            length = whole.tensors[next(iter(self._pad))].shape[1]
            cut = (slice(length if dim in self._names else None) for dim in tensor.dims)
            return output[tuple(cut)]
        return output

    def _together(self, name: str, slices: Sequence[Slice]) -> Array:
        if not self._batches:
            return slices[0].tensors[name]
        parts = [each.tensors[name][each.first : each.first + each.rows] for each in slices]
        shape = self._shape(name, parts[0])
        if len(parts) == 1 and parts[0].shape == shape:
            return parts[0]
        if name not in self._pad:
            return np.concatenate(parts)
        rows = sum(map(len, parts))
        whole = np.full((rows, *shape[1:]), self._pad[name], parts[0].dtype)
        at = 0
        for part in parts:
            whole[at : at + len(part), : part.shape[1]] = part
            at += len(part)
        return whole

    def _shape(self, name: str, array: Array) -> tuple[int, ...]:
        """With its length filled up to the bucket's; longer than all, it is one of its own."""
        if name not in self._pad:
            return array.shape
        length = array.shape[1]
        filled = min((each for each in self._lengths if each >= length), default=length)
        return (array.shape[0], filled, *array.shape[2:])


def _padded(signature: Signature, batch: Batch) -> list[Tensor]:
    if not batch.pad:
        return []
    if not batch.buckets:
        raise InvalidRequest("batch.pad: say in batch.buckets to which lengths")
    inputs = {tensor.name: tensor for tensor in signature.inputs}
    found = list[Tensor]()
    for name in batch.pad:
        tensor = inputs.get(name)
        if tensor is None:
            raise InvalidRequest(f"batch.pad: there is no input {name!r}: {', '.join(inputs)}")
        if tensor.datatype.oip == "BYTES":
            raise InvalidRequest(f"batch.pad: input {name!r} is of BYTES, which are not filled up")
        if len(tensor.dims) < 2 or not isinstance(tensor.dims[1], str):
            raise InvalidRequest(
                f"batch.pad: dimension 1 of input {name!r} is not free by a name in the graph: "
                "what of an output it makes longer could not be told"
            )
        found.append(tensor)
    if len({tensor.dims[1] for tensor in found}) > 1:
        raise InvalidRequest(
            "batch.pad: dimension 1 of its inputs has different names in the graph"
        )
    _others(signature, batch, found[0].dims[1])
    return found


def _others(signature: Signature, batch: Batch, name: Dimension) -> None:
    """All that is as long is padded, and of each output it is known whether it gets longer."""
    for tensor in signature.inputs:
        if name in tensor.dims and tensor.name not in batch.pad:
            raise InvalidRequest(
                f"batch.pad: input {tensor.name!r} has the dimension {name!r} too: with what "
                "is it filled up?"
            )
    for tensor in signature.outputs:
        for axis, dim in enumerate(tensor.dims[1:], 1):
            if not isinstance(dim, int) and dim != name:
                raise InvalidRequest(
                    f"batch.pad: dimension {axis} of output {tensor.name!r} is free and not "
                    f"called {name!r}: whether padding makes it longer is not known"
                )
