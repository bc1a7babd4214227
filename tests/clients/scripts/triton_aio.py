"""tritonclient.grpc.aio, as its documentation has it."""

import asyncio
import functools

import answering
import numpy as np
import tensors
from tritonclient.grpc import InferInput, aio
from tritonclient.utils import InferenceServerException


@functools.cache
def connected(address):
    return aio.InferenceServerClient(address)


def bearer(key):
    return {"authorization": f"Bearer {key}"} if key else None


def tensor(name, values, kind):
    made = InferInput(name, list(values.shape), kind)
    made.set_data_from_numpy(values)
    return made


def floats(name, *values):
    return tensor(name, np.array(values, np.float32), "FP32")


def text(name, value):
    return tensor(name, np.array([value.encode()], np.object_), "BYTES")


def refusal(error):
    return {"status": error.status(), "message": error.message()}


async def health(address, key):
    client, headers = connected(address), bearer(key)
    return {
        "live": await client.is_server_live(headers),
        "ready": await client.is_server_ready(headers),
        "add": await client.is_model_ready("add", headers=headers),
    }


async def mirror(address, key):
    """The datatypes that come back as they were sent."""
    sent = {kind: tensors.array(kind) for kind in tensors.KINDS}
    given = [tensor(kind, values, kind) for kind, values in sent.items()]
    found = await connected(address).infer(
        "mirror", given, headers=bearer(key), compression_algorithm="gzip"
    )
    return [k for k, values in sent.items() if tensors.same(values, found.as_numpy(f"{k}_OUT"))]


async def several(address, key, many):
    """Asked all at once."""

    async def one(number):
        given = [floats("A", number), floats("B", 1)]
        found = await connected(address).infer("add", given, headers=bearer(key))
        return float(found.as_numpy("SUM")[0])

    return await asyncio.gather(*(one(number) for number in range(many)))


async def counted(address, key, many, requests):
    """Several requests of one stream, each with many answers: the numbers of each."""

    async def asked():
        for number in range(requests):
            yield {
                "model_name": "count",
                "inputs": [tensor("N", np.array([many], np.int32), "INT32")],
                "request_id": str(number),
            }

    found = {str(number): [] for number in range(requests)}
    async for result, error in connected(address).stream_infer(asked(), headers=bearer(key)):
        if error:
            raise error
        number = int(result.as_numpy("NUMBER")[0])
        found[result.get_response().id].append(number)
    return found


async def stream_left(address, key, mark):
    """A stream is given up while its answers come."""

    async def asked():
        yield {
            "model_name": "count",
            "inputs": [tensor("N", np.array([-1], np.int32), "INT32"), text("MARK", mark)],
        }
        await asyncio.Event().wait()

    answers = connected(address).stream_infer(asked(), headers=bearer(key))
    seen = []
    async for result, error in answers:
        if error:
            raise error
        seen.append(int(result.as_numpy("NUMBER")[0]))
        if len(seen) == 3:
            answers.cancel()
            break
    return seen


async def late(address, key, mark):
    """No answer comes within a client's two seconds."""
    try:
        await connected(address).infer(
            "slow",
            [floats("SECONDS", 60), text("MARK", mark)],
            client_timeout=2,
            headers=bearer(key),
        )
    except InferenceServerException as error:
        return refusal(error)


async def cancelled(address, key, mark):
    """A request is at work, and its task is cancelled."""

    def ask(seconds):
        given = [floats("SECONDS", seconds), text("MARK", mark)]
        return connected(address).infer("slow", given, headers=bearer(key))

    task = asyncio.create_task(ask(60))
    await ask(0.3)  # by when the first one has reached its server, too
    task.cancel()
    await asyncio.wait([task])
    return task.cancelled()


async def mistake(address, key):
    try:
        await connected(address).infer("add", [floats("A", 1)], headers=bearer(key))
    except InferenceServerException as error:
        return refusal(error)


if __name__ == "__main__":
    answering.serve(globals())
