import json

import numpy as np
import triton_python_backend_utils as pb


class TritonPythonModel:
    def execute(self, requests):
        for request in requests:
            sender = request.get_response_sender()
            for word in words(request):
                piece = pb.Tensor("text_output", np.array([word], object))
                sender.send(pb.InferenceResponse([piece]))
            sender.send(flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL)


def words(request):
    text = pb.get_input_tensor_by_name(request, "text_input").as_numpy()[0].decode()
    given = pb.get_input_tensor_by_name(request, "sampling_parameters")
    most = json.loads(given.as_numpy()[0]).get("max_tokens", 16) if given else 16
    return [f"{word} ".encode() for word in text.split()[:most]]
