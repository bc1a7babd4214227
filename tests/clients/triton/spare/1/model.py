import triton_python_backend_utils as pb


class TritonPythonModel:
    def execute(self, requests):
        return [pb.InferenceResponse([added(each)]) for each in requests]


def added(request):
    a, b = (pb.get_input_tensor_by_name(request, name).as_numpy() for name in "AB")
    return pb.Tensor("SUM", a + b)
