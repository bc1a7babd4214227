"""tritonclient.http, as its documentation has it."""

import answering
import numpy as np
import tensors
from tritonclient import http
from tritonclient.utils import InferenceServerException


def bearer(key):
    return {"Authorization": f"Bearer {key}"} if key else None


def tensor(name, values, kind, binary=True):
    made = http.InferInput(name, list(values.shape), kind)
    made.set_data_from_numpy(values, binary_data=binary)
    return made


def floats(name, *values):
    return tensor(name, np.array(values, np.float32), "FP32")


def refused(ask):
    try:
        ask()
    except InferenceServerException as error:
        return {"status": error.status(), "message": error.message()}
    return None


def health(address, key):
    with http.InferenceServerClient(address) as client:
        headers = bearer(key)
        return {
            "live": client.is_server_live(headers),
            "ready": client.is_server_ready(headers),
            "add": client.is_model_ready("add", headers=headers),
            "add 1": client.is_model_ready("add", "1", headers=headers),
            "absent": client.is_model_ready("absent", headers=headers),
        }


def mirror(address, key, binary, compressed=None):
    """The datatypes that come back as they were sent. binary: or as JSON, which
    has neither the ends of floats nor bytes that are no text."""
    sent = {k: tensors.array(k) if binary else tensors.plain(k) for k in tensors.KINDS}
    if not binary:
        sent = {k: values for k, values in sent.items() if k not in ("FP16", "BF16")}
    with http.InferenceServerClient(address) as client:
        found = client.infer(
            "mirror",
            [tensor(kind, values, kind, binary) for kind, values in sent.items()],
            outputs=[http.InferRequestedOutput(f"{kind}_OUT", binary) for kind in sent],
            headers=bearer(key),
            request_compression_algorithm=compressed,
            response_compression_algorithm=compressed,
        )
    return [k for k, values in sent.items() if tensors.same(values, found.as_numpy(f"{k}_OUT"))]


def add(address, key):
    with http.InferenceServerClient(address) as client:
        found = client.infer(
            "add",
            [floats("A", 1, 2), floats("B", 3, 5)],
            request_id="seven",
            headers=bearer(key),
        )
        answer = found.get_response()
    return {
        "model": answer["model_name"],
        "version": answer["model_version"],
        "id": answer["id"],
        "SUM": found.as_numpy("SUM").tolist(),
    }


def left(address, key, mark):
    """A client waits for two seconds and goes."""
    path = np.array([mark.encode()], np.object_)
    given = [floats("SECONDS", 60), tensor("MARK", path, "BYTES")]
    with http.InferenceServerClient(address, network_timeout=2) as client:
        try:
            client.infer("slow", given, headers=bearer(key))
        except TimeoutError:
            return True
    return False


def describe(address, key):
    add(address, key)  # that there is something to count
    headers = bearer(key)
    with http.InferenceServerClient(address) as client:
        return {
            "metadata": client.get_model_metadata("add", headers=headers),
            "config": client.get_model_config("add", headers=headers),
            "server": client.get_server_metadata(headers=headers),
            "statistics": client.get_inference_statistics("add", headers=headers),
            "index": client.get_model_repository_index(headers=headers),
        }


def mistakes(address, key):
    """What is said of each wrong request."""
    one = floats("A", 1, 2), floats("B", 3, 4)
    requests = {
        "no such model": ("absent", one),
        "a tensor too few": ("add", one[:1]),
        "another rank": ("add", [tensor("A", np.zeros((1, 2), np.float32), "FP32"), one[1]]),
    }
    headers = bearer(key)
    with http.InferenceServerClient(address) as client:
        return {
            name: refused(lambda given=given: client.infer(*given, headers=headers))
            for name, given in requests.items()
        }


if __name__ == "__main__":
    answering.serve(globals())
