"""Requests of the Open Inference Protocol as bytes, and the bytes of their answers."""

import answering
import grpc
import numpy as np
import tensors
from tritonclient.grpc import InferInput, service_pb2


def request(number):
    """Drawn by its number: of any datatypes and shapes, or of floats to be added."""
    rng = np.random.default_rng(number)
    asked = service_pb2.ModelInferRequest(model_name="mirror", id=str(number))
    if number % 5 == 0:
        asked.model_name = "add"
        size = int(rng.integers(1, 50_000))
        arrays = {name: ("FP32", rng.normal(size=size).astype(np.float32)) for name in "AB"}
    else:
        kinds = rng.choice(sorted(tensors.KINDS), rng.integers(1, 8), replace=False)
        arrays = {kind: (kind, drawn(kind, rng)) for kind in kinds}
    for name, (kind, values) in arrays.items():
        made = InferInput(name, list(values.shape), kind)
        made.set_data_from_numpy(values)
        asked.inputs.append(made._get_tensor())
        asked.raw_input_contents.append(made._get_content())
    return asked.SerializeToString()


def drawn(kind, rng):
    shape = tuple(int(side) for side in rng.integers(1, 60, 2))
    if kind == "BYTES":
        texts = [rng.bytes(rng.integers(0, 300)) for _ in range(shape[0] * shape[1])]
        return np.array([*texts, None], np.object_)[:-1].reshape(shape)
    if kind == "BOOL":
        return rng.random(shape) < 0.5
    dtype = np.dtype(tensors.KINDS[kind])
    return np.frombuffer(rng.bytes(shape[0] * shape[1] * dtype.itemsize), dtype).reshape(shape)


def answers(address, key, many):
    """Of each: everything there is in it, and its outputs' bytes."""
    options = [("grpc.max_receive_message_length", -1)]
    found = []
    with grpc.insecure_channel(address, options) as channel:
        infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        metadata = [("authorization", f"Bearer {key}")] if key else []
        for number in range(many):
            raw = infer(request(number), metadata=metadata)
            answer = service_pb2.ModelInferResponse.FromString(raw)
            found.append(
                {
                    "model": answer.model_name,
                    "outputs": [each.hex() for each in answer.raw_output_contents],
                    "whole": answer.SerializeToString(deterministic=True).hex(),
                }
            )
    return found


if __name__ == "__main__":
    answering.serve(globals())
