"""MiniLM as an ONNX graph, in the operators that ONNX Runtime's CPU runs fastest.

A BERT encoder (Devlin et al., 2018), then the mean over the tokens of a text,
scaled to length one. Which operator stands where was measured on onnxruntime 1.31,
per token with two threads: the fused Attention beats every composition of it
1.1 to 5 times, LayerNormalization after two Adds beats SkipLayerNormalization 4 times, and
Gelu after an Add beats BiasGelu by a tenth. The optimizer of a session would
fuse the last two back into the slow forms, so a session must not go beyond
ORT_ENABLE_BASIC.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

Array = npt.NDArray[np.float32]

LAYERS = 6
HEADS = 12
WIDTH = 384
EPSILON = 1e-12

_FUSED = "com.microsoft"


def build(weights: Mapping[str, Array]) -> ModelProto:
    """The model of a batch of texts.

    Inputs, int32 [batch, seq]: `input_ids`, and `attention_mask` with ones for tokens
    and zeros for the padding, which stands at the end of a row; a row has at
    least one token. Output: `embedding`, float32 [batch, 384], each row of length one.
    """
    graph = _Graph(weights)
    hidden = graph.embed()
    for layer in range(LAYERS):
        hidden = graph.layer(f"encoder.layer.{layer}", hidden)
    graph.pool(hidden)
    return graph.model()


class _Graph:
    """The nodes and constants collected so far; a value is known by its name."""

    def __init__(self, weights: Mapping[str, Array]) -> None:
        self._weights = weights
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []

    def embed(self) -> str:
        words, positions, kinds, norm = (
            f"embeddings.{part}"
            for part in (
                "word_embeddings.weight",
                "position_embeddings.weight",
                "token_type_embeddings.weight",
                "LayerNorm",
            )
        )
        # A text is always of the first kind, so its vector joins the positions'.
        first_kind = self._weights[kinds][0]
        return self._node(
            "EmbedLayerNormalization",
            "input_ids",
            "",
            self._constant(words, self._weights[words]),
            self._constant(positions, self._weights[positions] + first_kind),
            "",
            self._weight(f"{norm}.weight"),
            self._weight(f"{norm}.bias"),
            "attention_mask",
            outputs=("hidden", "lengths"),
            domain=_FUSED,
            epsilon=EPSILON,
        )

    def layer(self, name: str, hidden: str) -> str:
        context = self._attention(f"{name}.attention.self", hidden)
        attended = self._project(f"{name}.attention.output.dense", context)
        hidden = self._add_and_norm(f"{name}.attention.output.LayerNorm", attended, hidden)
        inner = self._project(f"{name}.intermediate.dense", hidden)
        inner = self._node("Gelu", inner, outputs=(f"{name}.gelu",))
        outer = self._project(f"{name}.output.dense", inner)
        return self._add_and_norm(f"{name}.output.LayerNorm", outer, hidden)

    def pool(self, hidden: str) -> None:
        """The mean's divisor is left out: scaling to length one undoes it."""
        axis = self._constant("pool.axis", np.array([1]))
        mask = self._node("Cast", "attention_mask", outputs=("pool.mask",), to=TensorProto.FLOAT)
        row = self._node("Unsqueeze", mask, axis, outputs=("pool.row",))
        total = self._node("MatMul", row, hidden, outputs=("pool.total",))
        flat = self._node("Squeeze", total, axis, outputs=("pool.flat",))
        self._node("LpNormalization", flat, outputs=("embedding",), axis=-1, p=2)

    def model(self) -> ModelProto:
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT32, ["batch", "seq"])
            for name in ("input_ids", "attention_mask")
        ]
        output = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", WIDTH])
        graph = helper.make_graph(self._nodes, "minilm", inputs, [output], self._constants)
        opsets = [helper.make_opsetid("", 20), helper.make_opsetid(_FUSED, 1)]
        return helper.make_model(
            graph, opset_imports=opsets, ir_version=10, producer_name="catnap.models.serving.graph"
        )

    def _attention(self, name: str, hidden: str) -> str:
        parts = [f"{name}.{part}" for part in ("query", "key", "value")]
        weight = np.concatenate([self._weights[f"{part}.weight"].T for part in parts], axis=1)
        bias = np.concatenate([self._weights[f"{part}.bias"] for part in parts])
        return self._node(
            "Attention",
            hidden,
            self._constant(f"{name}.weight", weight),
            self._constant(f"{name}.bias", bias),
            "lengths",
            outputs=(f"{name}.context",),
            domain=_FUSED,
            num_heads=HEADS,
        )

    def _project(self, name: str, value: str) -> str:
        weight = self._constant(f"{name}.weight", self._weights[f"{name}.weight"].T)
        product = self._node("MatMul", value, weight, outputs=(f"{name}.product",))
        bias = self._weight(f"{name}.bias")
        return self._node("Add", product, bias, outputs=(f"{name}.sum",))

    def _add_and_norm(self, name: str, value: str, residual: str) -> str:
        return self._node(
            "LayerNormalization",
            self._node("Add", value, residual, outputs=(f"{name}.sum",)),
            self._weight(f"{name}.weight"),
            self._weight(f"{name}.bias"),
            outputs=(f"{name}.norm",),
            epsilon=EPSILON,
        )

    def _weight(self, name: str) -> str:
        return self._constant(name, self._weights[name])

    def _constant(self, name: str, value: npt.NDArray[np.generic]) -> str:
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def _node(
        self,
        operator: str,
        *inputs: str,
        outputs: tuple[str, ...],
        domain: str = "",
        **attributes: Any,
    ) -> str:
        node = helper.make_node(operator, inputs, outputs, domain=domain, **attributes)
        self._nodes.append(node)
        return outputs[0]
