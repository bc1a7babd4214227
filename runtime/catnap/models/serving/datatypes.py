"""The datatypes of tensors: the protocol's names, ONNX Runtime's, and numpy's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt


@dataclass(frozen=True)
class Datatype:
    """oip: as the Open Inference Protocol has it. onnx: of a session's inputs.
    array: what holds the elements here, little-endian as the protocol's bytes are.
    field: of InferTensorContents; none where a tensor has to be raw."""

    oip: str
    onnx: str
    array: npt.DTypeLike
    field: str = ""


_ALL = (
    Datatype("BOOL", "tensor(bool)", "?", "bool_contents"),
    Datatype("INT8", "tensor(int8)", "i1", "int_contents"),
    Datatype("INT16", "tensor(int16)", "<i2", "int_contents"),
    Datatype("INT32", "tensor(int32)", "<i4", "int_contents"),
    Datatype("INT64", "tensor(int64)", "<i8", "int64_contents"),
    Datatype("UINT8", "tensor(uint8)", "u1", "uint_contents"),
    Datatype("UINT16", "tensor(uint16)", "<u2", "uint_contents"),
    Datatype("UINT32", "tensor(uint32)", "<u4", "uint_contents"),
    Datatype("UINT64", "tensor(uint64)", "<u8", "uint64_contents"),
    Datatype("FP16", "tensor(float16)", "<f2"),
    # numpy has no such number: its bits are what passes.
    Datatype("BF16", "tensor(bfloat16)", "<u2"),
    Datatype("FP32", "tensor(float)", "<f4", "fp32_contents"),
    Datatype("FP64", "tensor(double)", "<f8", "fp64_contents"),
    Datatype("BYTES", "tensor(string)", object, "bytes_contents"),
)

OIP = {each.oip: each for each in _ALL}
ONNX = {each.onnx: each for each in _ALL}

Array = npt.NDArray[Any]
"""The elements of a tensor; those of BYTES are `str`."""
