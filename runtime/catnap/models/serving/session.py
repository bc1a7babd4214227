"""A graph in ONNX Runtime, on one device."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort

from catnap.errors import CatnapError, InvalidRequest, ResourceExhausted, Unavailable
from catnap.models.serving.buckets import Tensors
from catnap.models.serving.datatypes import Array
from catnap.models.serving.signature import of_session

_BFLOAT16 = 16
"""TensorProto.BFLOAT16."""


class Session:
    """Runs one batch at a time."""

    def __init__(self, graph: Path, device: str, threads: int) -> None:
        """device: cpu, cuda or cuda:N. threads: of one run on the processor.

        Raises InvalidRequest where the graph cannot be loaded, and Unavailable,
        saying what is missing, where the device is not there.
        """
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        # The cores are shared: threads that wait by spinning take them from others.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3  # what it warns of on loading is not ours to change
        providers = _providers(device)
        try:
            self._session = ort.InferenceSession(str(graph), options, providers=providers)
        except Exception as error:  # ONNX Runtime's classes have no other base
            raise InvalidRequest(f"{graph}: cannot be loaded: {_line(error)}") from None
        _check_device(self._session, device)
        self.signature = of_session(self._session)
        self._names = [tensor.name for tensor in self.signature.outputs]
        tensors = (*self.signature.inputs, *self.signature.outputs)
        self._plain = all(tensor.datatype.oip != "BF16" for tensor in tensors)

    def run(self, feed: Tensors) -> Sequence[Array]:
        """The outputs in the signature's order. Raises what ONNX Runtime does."""
        if self._plain:
            found: Sequence[Array] = self._session.run(self._names, dict(feed))
            return found
        values = {
            tensor.name: _value(feed[tensor.name], tensor.datatype.oip == "BF16")
            for tensor in self.signature.inputs
        }
        return list(map(_array, self._session.run_with_ort_values(self._names, values)))


def explain(name: str, error: Exception) -> CatnapError:
    """What the caller of model `name` is told of an error of a run: it is the
    request's fault, unless the device's or the memory's."""
    said = _line(error)
    if "allocate" in said or "bad_alloc" in said:
        return ResourceExhausted(f"model {name!r}: no memory for the request: {said}")
    if "CUDA" in said or "CUBLAS" in said or "CUDNN" in said:
        return Unavailable(f"model {name!r}: its device failed: {said}")
    return InvalidRequest(f"model {name!r} cannot compute this request: {said}")


def _providers(device: str) -> list[str | tuple[str, dict[str, str]]]:
    if device == "cpu":
        return ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" not in ort.get_available_providers():
        raise Unavailable(
            f"device {device!r}: this ONNX Runtime runs on processors only: "
            "install onnxruntime-gpu in place of onnxruntime"
        )
    number = device.partition(":")[2] or "0"
    return [("CUDAExecutionProvider", {"device_id": number}), "CPUExecutionProvider"]


def _check_device(session: ort.InferenceSession, device: str) -> None:
    """ONNX Runtime goes on without the device that was wanted, and says nothing."""
    if device != "cpu" and "CUDAExecutionProvider" not in session.get_providers():
        raise Unavailable(
            f"device {device!r}: CUDA cannot be used here: ONNX Runtime needs the driver, and "
            "CUDA's and cuDNN's libraries, as `python -c 'import onnxruntime; "
            "onnxruntime.preload_dlls()'` tells"
        )


def _value(array: Array, bfloat16: bool) -> ort.OrtValue:
    if bfloat16:
        whole = np.ascontiguousarray(array)
        return ort.OrtValue.ortvalue_from_numpy_with_onnx_type(whole, _BFLOAT16)
    return ort.OrtValue.ortvalue_from_numpy(array)


def _array(value: ort.OrtValue) -> Array:
    if value.data_type() != "tensor(bfloat16)":
        found: Array = value.numpy()
        return found
    shape = value.shape()
    bits = ctypes.string_at(value.data_ptr(), 2 * math.prod(shape)) if math.prod(shape) else b""
    return np.frombuffer(bits, "<u2").reshape(shape)


def _line(error: Exception) -> str:
    """What it says, without the name of the place it says it from."""
    return " ".join(str(error).split())[:500]
