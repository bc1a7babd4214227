"""The `openai` package, as its documentation has it."""

import asyncio
import functools

import answering
import openai

USER = [{"role": "user", "content": "hi"}]
ALIKE = {"seed": 3, "temperature": 0}


@functools.cache
def connected(address, key):
    return openai.OpenAI(base_url=f"http://{address}/v1", api_key=key or "none", max_retries=0)


def refusal(error):
    """What the client has read from the answer."""
    return {
        "raised": type(error).__name__,
        "status": error.status_code,
        "message": error.message,
        "type": error.type,
        "code": error.code,
        "param": error.param,
        "retry_after": error.response.headers.get("retry-after"),
    }


def refused(ask, **given):
    try:
        ask(**given)
    except openai.APIStatusError as error:
        return refusal(error)
    return None


def models(address, key):
    return [each.id for each in connected(address, key).models.list()]


def model(address, key, name):
    return connected(address, key).models.retrieve(name).id


def chat(address, key, name):
    found = connected(address, key).chat.completions.create(
        model=name, messages=USER, max_tokens=6, **ALIKE
    )
    return found.model_dump()


def chat_stream(address, key, name):
    stream = connected(address, key).chat.completions.create(
        model=name, messages=USER, max_tokens=6, stream=True, **ALIKE
    )
    return [chunk.model_dump() for chunk in stream]


def completion(address, key, name, prompt, more):
    found = connected(address, key).completions.create(model=name, prompt=prompt, **ALIKE, **more)
    return found.model_dump()


def completion_stream(address, key, name, prompt, more):
    stream = connected(address, key).completions.create(
        model=name, prompt=prompt, stream=True, **ALIKE, **more
    )
    return [chunk.model_dump() for chunk in stream]


def left(address, key, name):
    """A stream with no end in sight is left after three parts; then another
    request is answered."""
    client = connected(address, key)
    seen = []
    with client.completions.create(
        model=name, prompt="go on", max_tokens=30_000, stream=True
    ) as stream:
        for chunk in stream:
            seen.append(chunk.choices[0].text)
            if len(seen) == 3:
                break
    after = client.completions.create(model=name, prompt="and then", max_tokens=3, timeout=30)
    return seen, after.choices[0].finish_reason


def several(address, key, name, many):
    """By the asynchronous client, all at once."""

    async def all_of_them():
        async with openai.AsyncOpenAI(
            base_url=f"http://{address}/v1", api_key=key or "none"
        ) as client:

            async def one(number):
                stream = await client.chat.completions.create(
                    model=name, messages=USER, max_tokens=2 + number, stream=True, **ALIKE
                )
                texts = [each.choices[0].delta.content async for each in stream if each.choices]
                return len([text for text in texts if text])

            return await asyncio.gather(*(one(number) for number in range(many)))

    return all_of_them()


def embeddings(address, key, name, texts, form=None):
    """form: as the client asks by itself where none is given, which is base64."""
    found = connected(address, key).embeddings.create(
        model=name, input=texts, encoding_format=form or openai.omit
    )
    return found.model_dump()


def mistakes(address, key, name):
    """What is said of each wrong request."""
    client, stranger = connected(address, key), connected(address, "not-a-key")
    create = client.chat.completions.create
    return {
        "key": refused(stranger.models.list),
        "model": refused(create, model="absent", messages=USER),
        "messages": refused(create, model=name, messages="none at all"),
        "temperature": refused(create, model=name, messages=USER, temperature="hot"),
        "no embeddings": refused(client.embeddings.create, model=name, input="a"),
    }


def refused_chat(address, key, name):
    create = connected(address, key).chat.completions.create
    return refused(create, model=name, messages=USER, max_tokens=3)


def refused_embeddings(address, key, name):
    return refused(connected(address, key).embeddings.create, model=name, input="a")


def stream_refused(address, key, name):
    """The refusal of a stream comes before its first part."""
    create = connected(address, key).chat.completions.create
    return refused(create, model=name, messages=USER, max_tokens=3, stream=True)


def retried(address, key, name, many):
    """Requests one after another, by a client that tries again: the status of
    each answer, and what it said of when."""
    seen = []

    def note(response):
        seen.append([response.status_code, response.headers.get("retry-after")])

    hooks = {"response": [note]}
    with openai.OpenAI(
        base_url=f"http://{address}/v1",
        api_key=key,
        max_retries=4,
        http_client=openai.DefaultHttpxClient(event_hooks=hooks),
    ) as client:
        for _ in range(many):
            client.chat.completions.create(model=name, messages=USER, max_tokens=3)
    return seen


if __name__ == "__main__":
    answering.serve(globals())
