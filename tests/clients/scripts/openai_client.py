"""The `openai` package, as its documentation has it."""

import functools

import answering
import openai


@functools.cache
def connected(address, key, retries=0):
    return openai.OpenAI(base_url=f"{address}/v1", api_key=key or "none", max_retries=retries)


def refused(ask):
    """What the client raises, and what it has read from the answer."""
    try:
        ask()
    except openai.APIStatusError as error:
        return {
            "raised": type(error).__name__,
            "status": error.status_code,
            "message": error.message,
            "type": error.type,
            "code": error.code,
            "param": error.param,
            "retry_after": error.response.headers.get("retry-after"),
            "request_id": error.request_id,
        }
    return None


USER = [{"role": "user", "content": "hi"}]


def chat(address, key, model, **options):
    found = connected(address, key).chat.completions.create(
        model=model, messages=USER, max_tokens=6, seed=3, temperature=0
    )
    return found.model_dump()


def chat_stream(address, key, model):
    stream = connected(address, key).chat.completions.create(
        model=model,
        messages=USER,
        max_tokens=6,
        seed=3,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )
    return [chunk.model_dump() for chunk in stream]


def completion(address, key, model, prompt, **options):
    found = connected(address, key).completions.create(
        model=model, prompt=prompt, temperature=0, **options
    )
    return found.model_dump()


if __name__ == "__main__":
    answering.serve(globals())
