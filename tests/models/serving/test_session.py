"""What callers are told of a run that failed."""

import pytest

from catnap.errors import InvalidRequest, ResourceExhausted, Unavailable
from catnap.models.serving.session import explain


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (
            "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : indices element out of bounds",
            InvalidRequest,
        ),
        (
            "[ONNXRuntimeError] : 1 : FAIL : Failed to allocate memory for requested",
            ResourceExhausted,
        ),
        ("std::bad_alloc", ResourceExhausted),
        ("CUDA failure 700: an illegal memory access was encountered", Unavailable),
    ],
)
def test_it_is_the_request_unless_it_is_the_memory_or_the_device(said, kind):
    error = explain("ranker", RuntimeError(said))
    assert type(error) is kind
    assert "'ranker'" in error.message
    assert said in error.message
