import triton_python_backend_utils as pb


class TritonPythonModel:
    def execute(self, requests):
        return [pb.InferenceResponse([mirrored(each) for each in r.inputs()]) for r in requests]


def mirrored(tensor):
    name = f"{tensor.name()}_OUT"
    if tensor.name() == "BF16":  # which numpy does not have
        return pb.Tensor.from_dlpack(name, tensor.to_dlpack())
    return pb.Tensor(name, tensor.as_numpy())
