"""MiniLM's forward pass in plain numpy and float64, to hold the ONNX graph against.

Written from the paper (Devlin et al., 2018) and the weights' names, one text at a time
and without padding, so that it shares neither code nor shortcuts with the graph.
"""

import math
from functools import reduce
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

HEADS = 12
ERF = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)


def erf(x: np.ndarray) -> np.ndarray:
    """To 1.5e-7: Abramowitz and Stegun, 7.1.26."""
    t = 1 / (1 + 0.3275911 * np.abs(x))
    series = reduce(lambda sum_, factor: (sum_ + factor) * t, ERF, np.zeros_like(x))
    return np.copysign(1 - series * np.exp(-(x**2)), x)


class Reference:
    def __init__(self, tensors: Path) -> None:
        self.weights = {
            name: value.astype(np.float64) for name, value in load_file(tensors).items()
        }

    def embed(self, ids: list[int]) -> np.ndarray:
        """The vector [384] of one text."""
        table = "embeddings.{}_embeddings.weight"
        hidden = self.weights[table.format("word")][ids]
        hidden = hidden + self.weights[table.format("position")][: len(ids)]
        hidden = hidden + self.weights[table.format("token_type")][0]
        hidden = self.norm("embeddings.LayerNorm", hidden)
        for layer in range(6):
            hidden = self.layer(f"encoder.layer.{layer}", hidden)
        mean = hidden.mean(axis=0)
        return mean / np.sqrt((mean**2).sum())

    def layer(self, name: str, hidden: np.ndarray) -> np.ndarray:
        attended = self.dense(f"{name}.attention.output.dense", self.attention(name, hidden))
        hidden = self.norm(f"{name}.attention.output.LayerNorm", hidden + attended)
        inner = self.dense(f"{name}.intermediate.dense", hidden)
        inner = inner * 0.5 * (1 + erf(inner / math.sqrt(2)))
        return self.norm(
            f"{name}.output.LayerNorm", hidden + self.dense(f"{name}.output.dense", inner)
        )

    def attention(self, name: str, hidden: np.ndarray) -> np.ndarray:
        query, key, value = (
            self.dense(f"{name}.attention.self.{part}", hidden)
            .reshape(len(hidden), HEADS, -1)
            .swapaxes(0, 1)
            for part in ("query", "key", "value")
        )
        scores = np.exp(query @ key.swapaxes(1, 2) / math.sqrt(query.shape[-1]))
        shares = scores / scores.sum(axis=-1, keepdims=True)
        return (shares @ value).swapaxes(0, 1).reshape(hidden.shape)

    def dense(self, name: str, value: np.ndarray) -> np.ndarray:
        return value @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def norm(self, name: str, value: np.ndarray) -> np.ndarray:
        centred = value - value.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12)
        return scaled * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]
