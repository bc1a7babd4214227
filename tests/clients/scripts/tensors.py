"""Arrays of every datatype, at the ends of what it holds."""

import contextlib

import numpy as np

KINDS = {
    "BOOL": np.bool_,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    "BYTES": np.object_,
}
with contextlib.suppress(ImportError):  # which numpy does not have, nor all clients
    import ml_dtypes

    KINDS["BF16"] = ml_dtypes.bfloat16


def array(kind):
    """Two by three."""
    dtype = KINDS[kind]
    if kind == "BYTES":
        return np.array(
            [[b"", b"\0\xff", "gr\u00fc\u00df".encode()], [b"x" * 70_000, b"\n", b" "]], dtype
        )
    if kind == "BOOL":
        return np.array([[True, False, True], [False, False, True]])
    if np.issubdtype(dtype, np.integer):
        ends = np.iinfo(dtype)
        return np.array([[ends.min, 0, 1], [ends.max, 2, 3]], dtype)
    return np.array([[-np.inf, -0.0, 0.5], [np.inf, np.nan, 1.5]], dtype)


def same(one, other):
    """Whether they are, to the bit."""
    if (one.dtype, one.shape) != (other.dtype, other.shape):
        return False
    if one.dtype != np.object_:
        return one.tobytes() == other.tobytes()
    return list(map(as_bytes, one.flat)) == list(map(as_bytes, other.flat))


def as_bytes(element):
    """JSON's are text."""
    return element.encode() if isinstance(element, str) else element


def plain(kind):
    """Likewise, of what JSON has."""
    if kind == "BYTES":
        return np.array([[b"", "gr\u00fc\u00df".encode()], [b"x" * 70_000, b"\n"]], np.object_)
    values = array(kind)
    return (
        values
        if kind == "BOOL" or values.dtype.kind in "iu"
        else np.array([[0.5, -2.0]], values.dtype)
    )
