import itertools
import pathlib
import threading
import time

import numpy as np
import triton_python_backend_utils as pb


class TritonPythonModel:
    def execute(self, requests):
        for request in requests:
            threading.Thread(target=count, args=(request,)).start()


def count(request):
    many = int(pb.get_input_tensor_by_name(request, "N").as_numpy()[0])
    sender = request.get_response_sender()
    for number in range(many) if many >= 0 else itertools.count():
        if sender.is_cancelled():
            mark = pb.get_input_tensor_by_name(request, "MARK").as_numpy()
            pathlib.Path(mark[0].decode()).touch()
            break
        answer = pb.Tensor("NUMBER", np.array([number], np.int32))
        sender.send(pb.InferenceResponse([answer]))
        if many < 0:
            time.sleep(0.01)
    sender.send(flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
