"""Whether the rows of a graph's inputs depend on each other.

Requests of different callers may be put together only where they do not: a graph
whose first dimension is free can as well take the words of one sentence there.
So it is asked, with two rows together and each alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from catnap.models.serving.buckets import Tensors
from catnap.models.serving.datatypes import Array
from catnap.models.serving.signature import Signature, Tensor

_OTHER = 3
"""Of a free dimension that is not the first, and that no bucket names."""

_NEAR = {"FP16": 1e-2, "BF16": 5e-2}
"""Of the largest number, by which batches of another size may differ; else 1e-3."""

Run = Callable[[Tensors], Sequence[Array]]


def has_rows(signature: Signature) -> bool:
    """Whether all tensors share a first dimension that is free."""
    tensors = (*signature.inputs, *signature.outputs)
    if not signature.inputs or not all(tensor.dims for tensor in tensors):
        return False
    first = {tensor.dims[0] for tensor in tensors}
    return len(first) == 1 and not isinstance(first.pop(), int)


def examples(signature: Signature, rows: int, length: int = _OTHER) -> dict[str, Array]:
    """Inputs that a graph can most likely compute: small numbers, none of them alike
    by row. length: of dimensions that are free, but for the first."""
    return {tensor.name: _example(tensor, rows, length) for tensor in signature.inputs}


def independent(signature: Signature, run: Run, length: int = _OTHER) -> bool:
    """Raises what `run` does."""
    both = examples(signature, 2, length)
    together = run(both)
    for row in range(2):
        alone = run({name: array[row : row + 1] for name, array in both.items()})
        for tensor, whole, own in zip(signature.outputs, together, alone, strict=True):
            if whole.shape != (2, *own.shape[1:]) or len(own) != 1:
                return False
            if not _same(tensor, whole[row], own[0]):
                return False
    return True


def _example(tensor: Tensor, rows: int, length: int) -> Array:
    free = (rows, *(length for _ in tensor.dims[1:]))
    shape = [size if isinstance(size, int) else free[axis] for axis, size in enumerate(tensor.dims)]
    count = np.arange(math.prod(shape)).reshape(shape)
    kind = tensor.datatype.oip
    if kind == "BYTES":
        texts = np.empty(count.size, object)
        texts[:] = [f"text {number}" for number in range(count.size)]
        return texts.reshape(shape)
    if kind == "BF16":  # the upper half of a float's bits
        return (np.sin(count + 1).astype("<f4").view("<u4") >> 16).astype("<u2")
    if kind.startswith("FP"):
        found: Array = np.sin(count + 1).astype(tensor.datatype.array)
    else:  # indexes that every table has, and masks that hide not all; no two rows alike
        found = ((np.indices(shape).sum(axis=0) + 1) % 2).astype(tensor.datatype.array)
    return found


def _same(tensor: Tensor, one: Array, other: Array) -> bool:
    if tensor.datatype.oip in ("FP16", "FP32", "FP64", "BF16"):
        a, b = _numbers(tensor, one), _numbers(tensor, other)
        near = _NEAR.get(tensor.datatype.oip, 1e-3)
        largest = float(np.nanmax(np.abs(b), initial=0.0))
        return np.allclose(a, b, rtol=0, atol=near * largest, equal_nan=True)
    return np.array_equal(one, other)


def _numbers(tensor: Tensor, array: Array) -> npt.NDArray[np.float64]:
    if tensor.datatype.oip == "BF16":
        bits = np.ascontiguousarray(array).astype("<u4") << 16
        array = bits.view("<f4")
    return array.astype(np.float64)
