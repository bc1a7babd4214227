"""Small graphs, each of one idea."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper, save

Dims = Sequence[int | str | None]


def graph(
    nodes: list[NodeProto],
    inputs: dict[str, tuple[int, Dims]],
    outputs: dict[str, tuple[int, Dims]],
    **constants: np.ndarray,
) -> ModelProto:
    """inputs, outputs: the element's type and the dimensions, by name."""
    return helper.make_model(
        helper.make_graph(
            nodes,
            "graph",
            [helper.make_tensor_value_info(name, *each) for name, each in inputs.items()],
            [helper.make_tensor_value_info(name, *each) for name, each in outputs.items()],
            [numpy_helper.from_array(value, name) for name, value in constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", 20)],
        ir_version=10,
    )


def identity(kind: int = TensorProto.FLOAT, dims: Dims = ("batch", 2)) -> ModelProto:
    node = helper.make_node("Identity", ["x"], ["y"])
    return graph([node], {"x": (kind, dims)}, {"y": (kind, dims)})


def classifier() -> ModelProto:
    """scores [batch, 4] of x [batch, 3], and the best, label [batch]."""
    nodes = [
        helper.make_node("MatMul", ["x", "weight"], ["scores"]),
        helper.make_node("ArgMax", ["scores"], ["label"], axis=1, keepdims=0),
    ]
    return graph(
        nodes,
        {"x": (TensorProto.FLOAT, ("batch", 3))},
        {"scores": (TensorProto.FLOAT, ("batch", 4)), "label": (TensorProto.INT64, ("batch",))},
        weight=np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4),
    )


def words() -> ModelProto:
    """Of ids and mask [batch, seq]: each word's number times its mask, and their sum."""
    nodes = [
        helper.make_node("Mul", ["ids", "mask"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "axis"], ["total"], keepdims=0),
    ]
    whole = (TensorProto.INT64, ("batch", "seq"))
    return graph(
        nodes,
        {"ids": whole, "mask": whole},
        {"kept": whole, "total": (TensorProto.INT64, ("batch",))},
        axis=np.array([1]),
    )


def running_sum() -> ModelProto:
    """Its first dimension is free, and is time: each row has those before it in it."""
    node = helper.make_node("CumSum", ["x", "axis"], ["y"])
    dims = (TensorProto.FLOAT, ("time", 2))
    return graph([node], {"x": dims}, {"y": dims}, axis=np.array(0))


def table() -> ModelProto:
    """Rows of a table by their numbers, 0 to 4; there are no others."""
    node = helper.make_node("Gather", ["rows", "index"], ["row"])
    return graph(
        [node],
        {"index": (TensorProto.INT64, ("batch",))},
        {"row": (TensorProto.FLOAT, ("batch", 2))},
        rows=np.arange(10, dtype=np.float32).reshape(5, 2),
    )


def filtered() -> ModelProto:
    """Of x [batch, 1], the rows that are not negative: not as many as there were."""
    nodes = [
        helper.make_node("Reshape", ["x", "flat"], ["number"]),
        helper.make_node("GreaterOrEqual", ["number", "zero"], ["kept"]),
        helper.make_node("Compress", ["x", "kept"], ["y"], axis=0),
    ]
    dims = (TensorProto.FLOAT, ("batch", 1))
    constants = {"flat": np.array([-1]), "zero": np.array(0, np.float32)}
    return graph(nodes, {"x": dims}, {"y": dims}, **constants)


def put(model: ModelProto, folder: Path) -> Path:
    """The folder, with the graph in it."""
    folder.mkdir(parents=True, exist_ok=True)
    save(model, folder / "model.onnx")
    return folder
