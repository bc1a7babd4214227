"""Tokens of what passes on a stream of the Open Inference Protocol. Pure.

Whoever asks for text or vectors in tensors is counted as who asks by other ways:
a model that embeds says what it read, whether or not that was asked for; one that
generates says it in the parameters of its last part, or each part was a token.
"""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.message import DecodeError

from catnap.inference import grpc_service_pb2 as oip
from catnap.models.generation import oip_piece
from catnap.models.request import wanting
from catnap.models.settings import Model
from catnap.models.text_tensors import TOKENS, count_tokens, lacks_tokens, without_tokens
from catnap.models.verdict import UpstreamError


@dataclass(slots=True)
class StreamTokens:
    """Of one request."""

    model: Model
    prompt: int = 0
    completion: int = 0
    _added: bool = False
    _told: bool = False

    def asked(self, message: oip.ModelInferRequest, raw: bytes) -> bytes:
        """The request as it is to be sent. message: the same, read."""
        self._added = "embed" in self.model.abilities and lacks_tokens(message)
        return wanting(raw, TOKENS) if self._added else raw

    def answered(self, raw: bytes) -> bytes:
        """A ModelStreamInferResponse as it is to be passed on."""
        if "embed" in self.model.abilities:
            return self._embedded(raw)
        if "generate" in self.model.abilities:
            self._generated(raw)
        return raw

    def _embedded(self, raw: bytes) -> bytes:
        try:
            found = oip.ModelStreamInferResponse.FromString(raw)
        except DecodeError:
            return raw
        answer = found.infer_response.SerializeToString()
        self.prompt += count_tokens(answer)
        if not self._added:
            return raw
        found.infer_response.ParseFromString(without_tokens(answer))
        return found.SerializeToString()

    def _generated(self, raw: bytes) -> None:
        try:
            piece = oip_piece("", raw)
        except UpstreamError:
            return  # it says what went wrong
        if piece.finish_reason and piece.prompt_tokens + piece.completion_tokens:
            # Where others' parts come in between, so do their last ones.
            self.prompt += piece.prompt_tokens
            before = self.completion if self._told else 0
            self.completion = before + piece.completion_tokens
            self._told = True
        elif piece.text and not self._told:
            self.completion += 1
