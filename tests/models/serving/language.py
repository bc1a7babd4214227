"""A language model of one layer with random weights, which reads and writes bytes.
Its tokens are the 256 of them, `<s>` and `</s>`, and it writes what can be printed. A
real folder of onnxruntime-genai."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto, helper
from tokenizers.pre_tokenizers import ByteLevel

from tests.models.serving.graphs import graph, put

CONTEXT = 256
_WORDS, _WIDTH, _HEADS = 258, 16, 2
_HEAD = _WIDTH // _HEADS
_PRINTED = 94
"""The first tokens are the bytes of `!` to `~`."""
_BEGIN, _END = 256, 257


def write(folder: Path) -> Path:
    """The folder, with the model in it."""
    put(decoder(), folder)
    for name, content in (
        ("genai_config.json", _config()),
        ("tokenizer.json", _tokenizer()),
        ("tokenizer_config.json", _tokenizer_config()),
    ):
        (folder / name).write_text(json.dumps(content))
    return folder


def decoder() -> ModelProto:
    """An attention over all before, added to the word, gives the next word."""
    numbers = np.random.default_rng(0)

    def random(*shape: int) -> np.ndarray:
        return (numbers.standard_normal(shape) * 0.5).astype(np.float32)

    node = helper.make_node
    nodes = [node("Gather", ["words", "input_ids"], ["word"])]
    for each in ("query", "key", "value"):
        nodes += [
            node("MatMul", ["word", f"to_{each}"], [f"flat_{each}"]),
            node("Reshape", [f"flat_{each}", "heads"], [f"rows_{each}"]),
            node("Transpose", [f"rows_{each}"], [f"new_{each}"], perm=[0, 2, 1, 3]),
        ]
    for each in ("key", "value"):
        past = f"past_key_values.0.{each}"
        nodes.append(node("Concat", [past, f"new_{each}"], [f"present.0.{each}"], axis=2))
    nodes += [
        node("Transpose", ["present.0.key"], ["across"], perm=[0, 1, 3, 2]),
        node("MatMul", ["new_query", "across"], ["scores"]),
        # Of the last `seq` words, each sees those up to itself.
        node("Shape", ["attention_mask"], ["total_1"], start=1, end=2),
        node("Shape", ["input_ids"], ["seq_1"], start=1, end=2),
        node("Squeeze", ["total_1"], ["total"]),
        node("Squeeze", ["seq_1"], ["seq"]),
        node("Sub", ["total", "seq"], ["past"]),
        node("Range", ["past", "total", "one"], ["own"]),
        node("Range", ["zero", "total", "one"], ["other"]),
        node("Unsqueeze", ["own", "axis"], ["own_column"]),
        node("LessOrEqual", ["other", "own_column"], ["before"]),
        node("Where", ["before", "scores", "never"], ["seen"]),
        node("Softmax", ["seen"], ["shares"], axis=-1),
        node("MatMul", ["shares", "present.0.value"], ["context"]),
        node("Transpose", ["context"], ["context_rows"], perm=[0, 2, 1, 3]),
        node("Reshape", ["context_rows", "whole"], ["heard"]),
        node("Add", ["word", "heard"], ["sum"]),
        node("MatMul", ["sum", "to_words"], ["all_logits"]),
        node("Add", ["all_logits", "likes"], ["logits"]),
    ]
    likes = np.full(_WORDS, -1e4, np.float32)
    likes[:_PRINTED] = likes[_END] = 0
    kept = (TensorProto.FLOAT, ("batch", _HEADS, "past", _HEAD))
    now = (TensorProto.FLOAT, ("batch", _HEADS, "total", _HEAD))
    return graph(
        nodes,
        {
            "input_ids": (TensorProto.INT64, ("batch", "seq")),
            "attention_mask": (TensorProto.INT64, ("batch", "total")),
            "past_key_values.0.key": kept,
            "past_key_values.0.value": kept,
        },
        {
            "logits": (TensorProto.FLOAT, ("batch", "seq", _WORDS)),
            "present.0.key": now,
            "present.0.value": now,
        },
        words=random(_WORDS, _WIDTH) * 2,
        to_query=random(_WIDTH, _WIDTH),
        to_key=random(_WIDTH, _WIDTH),
        to_value=random(_WIDTH, _WIDTH),
        to_words=random(_WIDTH, _WORDS),
        likes=likes,
        heads=np.array([0, 0, _HEADS, _HEAD]),
        whole=np.array([0, 0, _WIDTH]),
        zero=np.array(0),
        one=np.array(1),
        axis=np.array([1]),
        never=np.array(-1e9, np.float32),
    )


def _config() -> dict[str, object]:
    return {
        "model": {
            "type": "llama",
            "bos_token_id": _BEGIN,
            "eos_token_id": _END,
            "pad_token_id": _END,
            "context_length": CONTEXT,
            "vocab_size": _WORDS,
            "decoder": {
                "filename": "model.onnx",
                "session_options": {"provider_options": []},
                "hidden_size": _WIDTH,
                "head_size": _HEAD,
                "num_attention_heads": _HEADS,
                "num_key_value_heads": _HEADS,
                "num_hidden_layers": 1,
                "inputs": {
                    "input_ids": "input_ids",
                    "attention_mask": "attention_mask",
                    "past_key_names": "past_key_values.%d.key",
                    "past_value_names": "past_key_values.%d.value",
                },
                "outputs": {
                    "logits": "logits",
                    "present_key_names": "present.%d.key",
                    "present_value_names": "present.%d.value",
                },
            },
        },
        "search": {"max_length": CONTEXT, "do_sample": False, "past_present_share_buffer": False},
    }


def _tokenizer() -> dict[str, object]:
    letters = {letter: number for number, letter in enumerate(sorted(ByteLevel.alphabet()))}
    special = {"<s>": _BEGIN, "</s>": _END}
    return {
        "version": "1.0",
        "added_tokens": [
            {
                "id": number,
                "content": content,
                "special": True,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
            }
            for content, number in special.items()
        ],
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "use_regex": True},
        "model": {"type": "BPE", "vocab": letters | special, "merges": []},
    }


def _tokenizer_config() -> dict[str, object]:
    return {
        "tokenizer_class": "GPT2Tokenizer",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "</s>",
        "add_bos_token": False,
    }
