"""ctx.models: the models that all skills share."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from catnap.skills.gateway import Gateway
from catnap.skills.quoting import quote


class Embeddings(msgspec.Struct, frozen=True):
    """Vectors of one request, in the order of its texts.

    `data` holds len(texts) * dimensions little-endian 32-bit floats.
    """

    dimensions: int
    data: bytes

    def __len__(self) -> int:
        return len(self.data) // (4 * self.dimensions) if self.dimensions else 0

    def matrix(self) -> memoryview[float]:
        """The vectors as a (texts, dimensions) buffer of floats, without a
        copy; numpy.asarray takes it as it is. Needs one text at least."""
        return memoryview(self.data).cast("f", (len(self), self.dimensions))


class Models:
    """Asks the gateway; a skill carries no model."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def embed(self, texts: Sequence[str], model: str = "minilm-l6-v2") -> Embeddings:
        """Vectors for up to 4,096 texts. A text is cut at the model's length.

        The model must be allowed by the skill's manifest.
        """
        answer = await self._gateway.request(
            "POST",
            f"/callback/models/{quote(model)}/embed",
            [(b"content-type", b"application/json")],
            msgspec.json.encode({"texts": texts}),
        )
        data = await answer.read()
        return Embeddings(int(answer.headers[b"catnap-dimensions"]), data)
