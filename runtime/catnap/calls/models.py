"""What models are asked, whichever surface it came by."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence

from catnap.access.limiter import Limiter
from catnap.calls import model_embed, model_generate, model_infer, model_openai, model_streams
from catnap.calls.model_embed import Embedded
from catnap.calls.model_request import Asker
from catnap.errors import PermissionDenied
from catnap.models.account import Account
from catnap.models.generation import Piece, Prompt
from catnap.models.registry import Found, Registry
from catnap.models.settings import Ability, Model
from catnap.traces.span import UNTRACED, Tracer

__all__ = ["Asker", "Embedded", "ModelCalls", "Piece", "Prompt"]


class ModelCalls:
    """Every request is within the limits of who asks, waits for its turn, and
    is counted. Its methods raise NotFound for a model that the asker cannot see,
    PermissionDenied for one that a skill may not ask, ResourceExhausted and
    Unavailable with when to try again, and DeadlineExceeded. A caller that is
    cancelled, or closes its stream (`aclose`), ends its request at the server."""

    def __init__(
        self, registry: Registry, limits: Limiter, account: Account, tracer: Tracer = UNTRACED
    ) -> None:
        self.registry = registry
        self.limits = limits
        self.account = account
        self.tracer = tracer

    def visible(self, tenant: str) -> Iterator[tuple[str, Model]]:
        """The models that a tenant may ask, by name."""
        return self.registry.visible(tenant)

    def find(self, asker: Asker, name: str, version: str = "", ability: Ability = "infer") -> Found:
        """Raises NotFound and PermissionDenied. ability: for which there may be
        only one model where no name is given."""
        tenant, _, skill = asker.who
        found = self.registry.find(name or self.registry.only(ability, tenant), version, tenant)
        allowed = asker.models
        if allowed is not None and name not in allowed and found.served.name not in allowed:
            raise PermissionDenied(
                f"skill {skill!r} may not ask model {name!r}: allow it in its "
                "skill.toml, under [models]"
            )
        return found

    async def infer(self, asker: Asker, raw: bytes) -> bytes:
        """raw: a ModelInferRequest; gives a ModelInferResponse. Raises
        InvalidRequest too, which names the tensor."""
        return await model_infer.infer(self, asker, raw)

    async def relay(
        self,
        asker: Asker,
        requests: AsyncIterator[bytes],
        write: Callable[[bytes], Awaitable[None]],
    ) -> None:
        """Each of a stream of ModelInferRequests, as they come; their
        ModelStreamInferResponses are written as they do. What is refused of one
        is written as its error_message. Returns when the requests have ended,
        and their answers."""
        await model_streams.relay(self, asker, requests, write)

    async def tell(
        self, asker: Asker, method: str, name: str, version: str, make: Callable[[str, str], bytes]
    ) -> bytes:
        """What a server says of a model. method: ModelMetadata, ModelConfig or
        ModelStatistics. make: the request, of what the server calls the model,
        and its version."""
        return await model_infer.tell(self, asker, method, name, version, make)

    async def ready(self, asker: Asker, name: str, version: str = "") -> bool:
        """Whether one of its servers says that it can be asked."""
        return await model_infer.ready(self, asker, name, version)

    async def embed(self, asker: Asker, model: str, texts: Sequence[str]) -> Embedded:
        """Vectors of texts, in their order. model: empty for the only one."""
        return await model_embed.embed(self, asker, model, texts)

    def generate(self, asker: Asker, model: str, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        """Text, as it is produced; the last piece says why it ended."""
        return model_generate.generate(self, asker, model, prompt)

    async def complete(self, asker: Asker, path: str, body: bytes) -> bytes:
        """An answer of OpenAI's HTTP. path: such as /v1/chat/completions."""
        return await model_openai.complete(self, asker, path, body)

    def stream(self, asker: Asker, path: str, body: bytes) -> AsyncGenerator[bytes, None]:
        """Likewise by parts: the data of each event, without the last [DONE]."""
        return model_openai.stream(self, asker, path, body)
