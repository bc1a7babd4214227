"""tritonclient.grpc, as its documentation has it."""

import functools
import queue

import answering
import numpy as np
import tensors
from tritonclient import grpc
from tritonclient.utils import InferenceServerException


@functools.cache
def connected(address):
    return grpc.InferenceServerClient(address)


def bearer(key):
    return {"authorization": f"Bearer {key}"} if key else None


def tensor(name, values, kind=None):
    kind = kind or next(k for k, dtype in tensors.KINDS.items() if dtype == values.dtype.type)
    made = grpc.InferInput(name, list(values.shape), kind)
    made.set_data_from_numpy(values)
    return made


def floats(name, *values):
    return tensor(name, np.array(values, np.float32), "FP32")


def ints(name, *values):
    return tensor(name, np.array(values, np.int32), "INT32")


def text(name, *values):
    return tensor(name, np.array([each.encode() for each in values], np.object_), "BYTES")


def refusal(error):
    return {"status": error.status(), "message": error.message()}


def refused(ask):
    """What the client raises."""
    try:
        ask()
    except InferenceServerException as error:
        return refusal(error)
    return None


def health(address, key):
    client, headers = connected(address), bearer(key)
    return {
        "live": client.is_server_live(headers),
        "ready": client.is_server_ready(headers),
        "add": client.is_model_ready("add", headers=headers),
        "add 1": client.is_model_ready("add", "1", headers=headers),
    }


def mirror(address, key, compression=None):
    """The datatypes that come back as they were sent."""
    sent = {kind: tensors.array(kind) for kind in tensors.KINDS}
    found = connected(address).infer(
        "mirror",
        [tensor(kind, values, kind) for kind, values in sent.items()],
        headers=bearer(key),
        compression_algorithm=compression,
    )
    return [k for k, values in sent.items() if tensors.same(values, found.as_numpy(f"{k}_OUT"))]


def large(address, key, megabytes):
    """Whether a tensor comes back that is far beyond gRPC's own 4 MB."""
    values = np.arange(megabytes << 18, dtype=np.int32).reshape(1, -1)
    found = connected(address).infer("mirror", [tensor("INT32", values)], headers=bearer(key))
    return bool((found.as_numpy("INT32_OUT") == values).all())


def empty(address, key):
    values = np.zeros((0, 3), np.float32)
    found = connected(address).infer(
        "mirror", [tensor("FP32", values, "FP32")], headers=bearer(key)
    )
    return list(found.as_numpy("FP32_OUT").shape)


def add(address, key, model="add", version=""):
    found = connected(address).infer(
        model,
        [floats("A", 1, 2), floats("B", 3, 5)],
        model_version=version,
        outputs=[grpc.InferRequestedOutput("SUM")],
        request_id="seven",
        parameters={"custom": "kept"},
        headers=bearer(key),
    )
    answer = found.get_response()
    return {
        "model": answer.model_name,
        "version": answer.model_version,
        "id": answer.id,
        "SUM": found.as_numpy("SUM").tolist(),
    }


def classes(address, key):
    """Triton's classification: the largest two of the answer."""
    wanted = grpc.InferRequestedOutput("SUM", class_count=2)
    found = connected(address).infer(
        "add", [floats("A", 1, 9, 4), floats("B", 0, 0, 0)], outputs=[wanted], headers=bearer(key)
    )
    return [each.decode() for each in found.as_numpy("SUM")]


def several(address, key, many):
    """Asked all at once, by call-backs."""
    answers = queue.Queue()
    for number in range(many):
        connected(address).async_infer(
            "add",
            [floats("A", number), floats("B", 1)],
            lambda result, error: answers.put((result, error)),
            request_id=str(number),
            headers=bearer(key),
        )
    found = {}
    for _ in range(many):
        result, error = answers.get(timeout=30)
        if error:
            raise error
        found[result.get_response().id] = float(result.as_numpy("SUM")[0])
    return found


def describe(address, key):
    add(address, key)  # that there is something to count
    client, headers = connected(address), bearer(key)
    how = {"headers": headers, "as_json": True}
    return {
        "metadata": client.get_model_metadata("add", **how),
        "config": client.get_model_config("add", **how),
        "server": client.get_server_metadata(**how),
        "statistics": client.get_inference_statistics("add", **how),
        "every model's": client.get_inference_statistics(**how),
        "index": client.get_model_repository_index(**how),
    }


def beyond(address, key):
    """What is a server's own, and not a gateway's."""
    client, headers = connected(address), bearer(key)
    return {
        "trace": refused(lambda: client.get_trace_settings("add", headers=headers)),
        "log": refused(lambda: client.update_log_settings({"log_info": True}, headers=headers)),
        "shared memory": refused(
            lambda: client.register_system_shared_memory("r", "/r", 64, headers=headers)
        ),
    }


def embedded(address, key, texts):
    """One request for all texts, and one for each, all at once."""
    client, headers = connected(address), bearer(key)
    whole = client.infer("minilm-l6-v2", [text("text", *texts)], headers=headers)
    answers = queue.Queue()
    for number, each in enumerate(texts):
        client.async_infer(
            "minilm-l6-v2",
            [text("text", each)],
            lambda result, error: answers.put((result, error)),
            request_id=str(number),
            headers=headers,
        )
    found = {}
    for _ in texts:
        result, error = answers.get(timeout=60)
        if error:
            raise error
        found[int(result.get_response().id)] = result.as_numpy("embedding")[0]
    apart = np.stack([found[number] for number in range(len(texts))])
    return {
        "shape": list(whole.as_numpy("embedding").shape),
        "tokens": whole.as_numpy("tokens").tolist(),
        "apart": float(np.abs(whole.as_numpy("embedding") - apart).max()),
    }


def embedder(address, key):
    client, how = connected(address), {"headers": bearer(key), "as_json": True}
    wrong = [ints("text", 1)]
    infer = client.infer
    return {
        "ready": client.is_model_ready("minilm-l6-v2", headers=bearer(key)),
        "metadata": client.get_model_metadata("minilm-l6-v2", **how),
        "statistics": client.get_inference_statistics("minilm-l6-v2", **how),
        "wrong": refused(lambda: infer("minilm-l6-v2", wrong, headers=bearer(key))),
    }


def ready(address, key, model):
    return connected(address).is_model_ready(model, headers=bearer(key))


def load(address, key, model):
    client, headers = connected(address), bearer(key)
    return refused(lambda: client.load_model(model, headers=headers))


def unload(address, key, model):
    client, headers = connected(address), bearer(key)
    return refused(lambda: client.unload_model(model, headers=headers))


def mistakes(address, key):
    """What is said of each wrong request."""
    one = floats("A", 1, 2), floats("B", 3, 4)
    torn = grpc.InferInput("A", [3], "FP32")
    torn.set_data_from_numpy(np.zeros(3, np.float32))
    torn.set_shape([4])
    requests = {
        "no such model": ("absent", one),
        "no such tensor": ("add", [*one, floats("C", 1)]),
        "a tensor too few": ("add", one[:1]),
        "another datatype": ("add", [ints("A", 1, 2), one[1]]),
        "another rank": ("add", [tensor("A", np.zeros((1, 2), np.float32), "FP32"), one[1]]),
        "more shape than bytes": ("add", [torn, one[1]]),
        "no such version": ("add", one, "9"),
    }
    client, headers = connected(address), bearer(key)
    return {
        name: refused(lambda given=given: client.infer(*given, headers=headers))
        for name, given in requests.items()
    }


def failing(address, key, how):
    ask = connected(address).infer
    return refused(lambda: ask("failing", [text("HOW", how)], headers=bearer(key)))


def late(address, key, mark):
    """No answer comes within a client's two seconds."""
    given = [floats("SECONDS", 60), text("MARK", mark)]
    ask = connected(address).infer
    return refused(lambda: ask("slow", given, client_timeout=2, headers=bearer(key)))


def cancelled(address, key, mark):
    """A request is at work, and then cancelled."""
    errors = queue.Queue()
    call = connected(address).async_infer(
        "slow",
        [floats("SECONDS", 60), text("MARK", mark)],
        lambda result, error: errors.put(error),
        headers=bearer(key),
    )
    connected(address).infer(
        "slow", [floats("SECONDS", 0.3), text("MARK", mark)], headers=bearer(key)
    )  # by when the first one has reached its server, too
    call.cancel()
    return refusal(errors.get(timeout=30))


def counted(address, key, many, requests):
    """Several requests of one stream, each with many answers: the numbers of each."""
    answers = queue.Queue()
    found = {str(number): [] for number in range(requests)}
    with grpc.InferenceServerClient(address) as client:
        client.start_stream(lambda result, error: answers.put((result, error)), headers=bearer(key))
        for number in range(requests):
            client.async_stream_infer(
                "count",
                [ints("N", many)],
                request_id=str(number),
                enable_empty_final_response=True,
            )
        open_ = requests
        while open_:
            result, error = answers.get(timeout=30)
            if error:
                raise error
            answer = result.get_response()
            if answer.outputs:
                found[answer.id].append(int(result.as_numpy("NUMBER")[0]))
            open_ -= answer.parameters["triton_final_response"].bool_param
    return found


def ordered(address, key, many):
    """The ids of the answers to as many requests of one stream, one answer each."""
    answers = queue.Queue()
    with grpc.InferenceServerClient(address) as client:
        client.start_stream(lambda result, error: answers.put((result, error)), headers=bearer(key))
        for number in range(many):
            client.async_stream_infer(
                "add", [floats("A", number), floats("B", 0)], request_id=str(number)
            )
        found = [answers.get(timeout=30) for _ in range(many)]
    return [result.get_response().id if result else str(error) for result, error in found]


def stumbles(address, key):
    """One request of a stream is wrong: what becomes of it, and of the next."""
    answers = queue.Queue()
    with grpc.InferenceServerClient(address) as client:
        client.start_stream(lambda result, error: answers.put((result, error)), headers=bearer(key))
        client.async_stream_infer("add", [floats("A", 1)], request_id="wrong")
        _, error = answers.get(timeout=30)
        client.async_stream_infer("add", [floats("A", 1), floats("B", 1)], request_id="right")
        result, none = answers.get(timeout=30)
    return {
        "wrong": refusal(error),
        "right": None if none else result.as_numpy("SUM").tolist(),
    }


def stream_left(address, key, mark):
    """A stream is given up while its answers come."""
    answers = queue.Queue()
    with grpc.InferenceServerClient(address) as client:
        client.start_stream(lambda result, error: answers.put((result, error)), headers=bearer(key))
        client.async_stream_infer("count", [ints("N", -1), text("MARK", mark)])
        first = [answers.get(timeout=30)[1] for _ in range(3)]
        client.stop_stream(cancel_requests=True)
    return [str(error) for error in first if error]


def sequence(address, key, values):
    """A sequence of requests that the server adds up, all sent before any is answered."""
    answers = queue.Queue()
    with grpc.InferenceServerClient(address) as client:
        client.start_stream(lambda result, error: answers.put((result, error)), headers=bearer(key))
        for number, value in enumerate(values):
            client.async_stream_infer(
                "sums",
                [tensor("VALUE", np.array([[value]], np.int32), "INT32")],
                request_id=str(number),
                sequence_id=42,
                sequence_start=number == 0,
                sequence_end=number == len(values) - 1,
            )
        found = {}
        for _ in values:
            result, error = answers.get(timeout=30)
            if error:
                raise error
            found[int(result.get_response().id)] = int(result.as_numpy("SUM")[0][0])
    return [found[number] for number in sorted(found)]


def pings(address, key):
    """A connection that pings every second, most of the time in vain."""
    options = grpc.KeepAliveOptions(
        keepalive_time_ms=1000,
        keepalive_timeout_ms=1000,
        keepalive_permit_without_calls=True,
        http2_max_pings_without_data=0,
    )
    given = [floats("SECONDS", 5), text("MARK", "")]
    with grpc.InferenceServerClient(address, keepalive_options=options) as client:
        return client.infer("slow", given, headers=bearer(key)).as_numpy("WAITED").tolist()


if __name__ == "__main__":
    answering.serve(globals())
