import pathlib
import time

import triton_python_backend_utils as pb


class TritonPythonModel:
    def execute(self, requests):
        return [wait(each) for each in requests]


def wait(request):
    seconds, mark = (
        pb.get_input_tensor_by_name(request, name).as_numpy() for name in ("SECONDS", "MARK")
    )
    end = time.monotonic() + float(seconds[0])
    while time.monotonic() < end:
        if request.is_cancelled():
            pathlib.Path(mark[0].decode()).touch()
            return pb.InferenceResponse(error=pb.TritonError("left", pb.TritonError.CANCELLED))
        time.sleep(0.01)
    return pb.InferenceResponse([pb.Tensor("WAITED", seconds)])
