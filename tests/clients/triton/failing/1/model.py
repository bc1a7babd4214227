import triton_python_backend_utils as pb


class TritonPythonModel:
    def execute(self, requests):
        return [pb.InferenceResponse(error=failure(each)) for each in requests]


def failure(request):
    how = pb.get_input_tensor_by_name(request, "HOW").as_numpy()[0].decode()
    return pb.TritonError(f"tensor HOW: asked to fail with {how}", getattr(pb.TritonError, how))
