"""A language model in onnxruntime-genai: prompts to tokens, and tokens to text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from catnap.errors import InvalidRequest, Unavailable
from catnap.models.serving.folder import GENERATION
from catnap.models.serving.sampling import Sampling


class Language:
    """One model, loaded. Its texts are asked for by one thread."""

    def __init__(self, folder: Path, device: str, threads: int) -> None:
        """Raises InvalidRequest where the folder cannot be loaded, and Unavailable,
        saying what is missing, where this process cannot run it."""
        try:
            import onnxruntime_genai as genai
        except ImportError as error:
            raise Unavailable(
                f"{folder / GENERATION}: it takes onnxruntime-genai: install "
                f"catnap-functions[genai], or onnxruntime-genai-cuda for a GPU ({error})"
            ) from None
        self._genai: Any = genai
        try:
            self.context = json.loads((folder / GENERATION).read_text())["model"]["context_length"]
            self._model = genai.Model(_config(genai, folder, device, threads))
            self._tokenizer = genai.Tokenizer(self._model)
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:500]
            if device != "cpu" and "cuda" in reason.lower():
                raise Unavailable(
                    f"device {device!r}: install onnxruntime-genai-cuda in place of "
                    f"onnxruntime-genai: {reason}"
                ) from None
            raise InvalidRequest(f"{folder}: cannot be loaded: {reason}") from None
        self._ends = frozenset(map(int, self._tokenizer.eos_token_ids))

    def begin(self, prompt: str, sampling: Sampling) -> Text:
        """Reads the prompt. Raises InvalidRequest where it is too long."""
        ids = self._tokenizer.encode(prompt)
        room = self.context - len(ids)
        if not len(ids) or room < 1:
            raise InvalidRequest(
                f"input 'text_input': {len(ids)} tokens: 1 to {self.context - 1} can be read"
            )
        most = min(sampling.max_tokens or room, room)
        parameters = self._genai.GeneratorParams(self._model)
        parameters.set_search_options(max_length=len(ids) + most, **_options(sampling))
        generator = self._genai.Generator(self._model, parameters)
        generator.append_tokens(ids)
        return Text(generator, self._tokenizer.create_stream(), self._ends, len(ids))


class Text:
    """One that is being generated. prompt_tokens, completion_tokens: read and made so far."""

    def __init__(self, generator: Any, decoder: Any, ends: frozenset[int], read: int) -> None:
        self._generator = generator
        self._decoder = decoder
        self._ends = ends
        self.prompt_tokens = read
        self.completion_tokens = 0
        self.finish_reason = ""
        """`stop` where the model ended it, `length` where there was no more room."""

    def next(self) -> str:
        """What the next token adds, which may be nothing yet."""
        self._generator.generate_next_token()
        token = int(self._generator.get_next_tokens()[0])
        self.completion_tokens += 1
        if token in self._ends:
            self.finish_reason = "stop"
            return ""
        if self._generator.is_done():
            self.finish_reason = "length"
        return str(self._decoder.decode(token))


def _config(genai: Any, folder: Path, device: str, threads: int) -> Any:
    config = genai.Config(str(folder))
    config.clear_providers()
    if device != "cpu":
        config.append_provider("cuda")
        config.set_provider_option("cuda", "device_id", device.partition(":")[2] or "0")
    options = {"intra_op_num_threads": threads}
    config.overlay(json.dumps({"model": {"decoder": {"session_options": options}}}))
    return config


def _options(sampling: Sampling) -> dict[str, Any]:
    if sampling.temperature == 0:
        return {"do_sample": False}
    found = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        # Of a C int, and not negative: that would be one of its own choice.
        "random_seed": None if sampling.seed is None else sampling.seed % (1 << 31),
    }
    found = {name: value for name, value in found.items() if value is not None}
    return {"do_sample": True, **found} if found else {}
