"""KServe's own model server: kserve_models.py --http_port=N --grpc_port=N."""

import asyncio

import numpy as np
from kserve import InferOutput, InferResponse, Model, ModelServer
from kserve.errors import InvalidInput


def answer(request, **arrays):
    made = []
    for name, (kind, values) in arrays.items():
        output = InferOutput(name, list(values.shape), kind)
        output.set_data_from_numpy(values, binary_data=True)
        made.append(output)
    return InferResponse(
        request.id or "",
        request.model_name,
        made,
        use_binary_outputs=request.use_binary_outputs,
        requested_outputs=request.request_outputs,
    )


class Mirror(Model):
    def load(self):
        self.ready = True
        return True

    def predict(self, request, headers=None, response_headers=None):
        return answer(
            request, **{f"{i.name}_OUT": (i.datatype, i.as_numpy()) for i in request.inputs}
        )


class Add(Mirror):
    def predict(self, request, headers=None, response_headers=None):
        a, b = (request.get_input_by_name(name) for name in "AB")
        if a is None or b is None:
            raise InvalidInput("tensors A and B are wanted")
        return answer(request, SUM=("FP32", a.as_numpy() + b.as_numpy()))


class Failing(Mirror):
    def predict(self, request, headers=None, response_headers=None):
        raise RuntimeError("tensor HOW: it does not work")


class Slow(Mirror):
    async def predict(self, request, headers=None, response_headers=None):
        await asyncio.sleep(60)
        return answer(request, WAITED=("FP32", np.zeros(1, np.float32)))


if __name__ == "__main__":
    models = [Mirror("mirror"), Add("add"), Failing("failing"), Slow("slow")]
    for each in models:
        each.load()
    ModelServer(workers=1).start(models)
