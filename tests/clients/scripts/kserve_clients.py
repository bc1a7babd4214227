"""kserve's InferenceGRPCClient and InferenceRESTClient, as its documentation has them."""

import functools

import answering
import grpc
import httpx
import numpy as np
import tensors
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig
from kserve.protocol.infer_type import RequestedOutput


@functools.cache
def connected(address):
    return InferenceGRPCClient(address)


@functools.cache
def rest():
    return InferenceRESTClient(RESTConfig(protocol="v2"))


def bearer(key):
    return [("authorization", f"Bearer {key}")] if key else None


def tensor(name, values, kind, binary=True):
    made = InferInput(name, list(values.shape), kind)
    made.set_data_from_numpy(values, binary_data=binary)
    return made


def floats(name, *values):
    return tensor(name, np.array(values, np.float32), "FP32", binary=False)


def asking(model, *inputs):
    return InferRequest(model_name=model, infer_inputs=list(inputs), request_id="seven")


async def refused(answer):
    try:
        await answer
    except grpc.RpcError as error:
        return {"status": error.code().name, "message": error.details()}
    except httpx.HTTPStatusError as error:
        return {"status": error.response.status_code, "message": str(error)}
    return None


async def health(address, key):
    client, headers = connected(address), bearer(key)
    return {
        "live": await client.is_server_live(headers=headers),
        "ready": await client.is_server_ready(headers=headers),
        "add": await client.is_model_ready("add", headers=headers),
    }


async def mirror(address, key):
    """The datatypes that come back as they were sent."""
    sent = {kind: tensors.array(kind) for kind in tensors.KINDS}
    given = asking("mirror", *(tensor(kind, values, kind) for kind, values in sent.items()))
    found = await connected(address).infer(given, headers=bearer(key))
    arrays = {each.name: each.as_numpy() for each in found.outputs}
    return [k for k, values in sent.items() if tensors.same(values, arrays[f"{k}_OUT"])]


async def add(address, key):
    given = asking("add", floats("A", 1, 2), floats("B", 3, 5))
    found = await connected(address).infer(given, headers=bearer(key))
    return {
        "model": found.model_name,
        "id": found.id,
        "SUM": found.outputs[0].as_numpy().tolist(),
    }


async def mistakes(address, key):
    """What is said of each wrong request."""
    client, headers = connected(address), bearer(key)

    def ask(*given, timeout=60):
        return refused(client.infer(asking(*given), headers=headers, timeout=timeout))

    one = floats("A", 1, 2)
    return {
        "no such model": await ask("absent", one, floats("B", 3, 4)),
        "a tensor too few": await ask("add", one),
        "late": await ask("slow", floats("SECONDS", 60), timeout=0.3),
        "failing": await ask("failing", floats("HOW", 1)),
    }


async def rest_health(address, key):
    client, headers = rest(), dict(bearer(key) or ())
    return {
        "live": await client.is_server_live(address, headers=headers),
        "ready": await client.is_server_ready(address, headers=headers),
        "add": await client.is_model_ready(address, "add", headers=headers),
    }


async def rest_mirror(address, key, binary):
    """The datatypes that come back as they were sent. Of what is binary, too, the
    client makes JSON."""
    sent = {k: tensors.array(k) if binary else tensors.plain(k) for k in tensors.KINDS}
    sent["BYTES"] = tensors.plain("BYTES")
    if not binary:
        del sent["FP16"]  # which JSON has no numbers for
    given = asking("mirror", *(tensor(k, values, k, binary) for k, values in sent.items()))
    given.request_outputs = [RequestedOutput(f"{k}_OUT", {"binary_data": binary}) for k in sent]
    headers = dict(bearer(key) or ())
    found = await rest().infer(address, given, model_name="mirror", headers=headers)
    arrays = {each.name: each.as_numpy() for each in found.outputs}
    return [k for k, values in sent.items() if tensors.same(values, arrays[f"{k}_OUT"])]


async def rest_mistakes(address, key):
    headers = dict(bearer(key) or ())

    def ask(model, *given):
        infer = rest().infer(address, asking(model, *given), model_name=model, headers=headers)
        return refused(infer)

    one = floats("A", 1, 2)
    return {
        "no such model": await ask("absent", one, floats("B", 3, 4)),
        "a tensor too few": await ask("add", one),
    }


if __name__ == "__main__":
    answering.serve(globals())
