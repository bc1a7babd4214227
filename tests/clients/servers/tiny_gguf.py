"""Writes a language model of a few thousand random weights: tiny_gguf.py FILE.

It knows words enough to be read, and says nothing else: a weight that all have
alike lifts words over bytes and over the end of the text, whatever came before.
"""

import sys

import gguf
import numpy as np

WIDTH, HEADS, INNER, CONTEXT = 32, 2, 64, 512
CONTROL = ["<unk>", "<s>", "</s>"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
WORDS = [
    f"\u2581{a}{b}" for a in ("ba", "de", "ki", "lo", "mu") for b in ("n", "r", "s", "ta", "vi")
]


def write(path):
    tokens = CONTROL + BYTES + WORDS
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    kinds += [gguf.TokenType.BYTE] * len(BYTES) + [gguf.TokenType.NORMAL] * len(WORDS)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    for name, values in weights(len(tokens)).items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def weights(tokens):
    rng = np.random.default_rng(7)

    def drawn(*shape):
        return rng.normal(0, 0.3, shape).astype(np.float32)

    embedding, output = drawn(tokens, WIDTH), drawn(tokens, WIDTH)
    embedding[:, 0] = 4
    output[:, 0] = np.where(np.arange(tokens) < len(CONTROL) + len(BYTES), -10, 10)
    ones = np.ones(WIDTH, np.float32)
    return {
        "token_embd.weight": embedding,
        "output_norm.weight": ones,
        "output.weight": output,
        "blk.0.attn_norm.weight": ones,
        "blk.0.ffn_norm.weight": ones,
        **{f"blk.0.attn_{part}.weight": drawn(WIDTH, WIDTH) for part in ("q", "k", "v", "output")},
        "blk.0.ffn_gate.weight": drawn(INNER, WIDTH),
        "blk.0.ffn_up.weight": drawn(INNER, WIDTH),
        "blk.0.ffn_down.weight": drawn(WIDTH, INNER),
    }


if __name__ == "__main__":
    write(sys.argv[1])
