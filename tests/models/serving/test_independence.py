"""Requests are put together only where their rows do not depend on each other."""

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from catnap.models.serving.independence import examples, has_rows, independent
from catnap.models.serving.signature import of_session
from tests.models.serving import graphs


def loaded(model):
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return of_session(session), lambda feed: session.run(None, dict(feed))


def attention():
    """Of ids [time] alone: each sees all others. Its first dimension is not a batch."""
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["word"]),
        helper.make_node("Transpose", ["word"], ["across"]),
        helper.make_node("MatMul", ["word", "across"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["shares"], axis=-1),
        helper.make_node("MatMul", ["shares", "word"], ["y"]),
    ]
    return graphs.graph(
        nodes,
        {"ids": (TensorProto.INT64, ("time",))},
        {"y": (TensorProto.FLOAT, ("time", 2))},
        table=np.array([[0, 1], [1, 0], [2, 2]], np.float32),
    )


def fixed_output():
    """Of x [batch, 2], the mean of all: one row, whatever the batch."""
    node = helper.make_node("ReduceMean", ["x", "axis"], ["y"], keepdims=1)
    return graphs.graph(
        [node],
        {"x": (TensorProto.FLOAT, ("batch", 2))},
        {"y": (TensorProto.FLOAT, ("batch", 2))},
        axis=np.array([0]),
    )


@pytest.mark.parametrize(
    "model", [graphs.classifier, graphs.words, graphs.table, graphs.identity], ids=str
)
def test_rows_of_a_batch(model):
    signature, run = loaded(model())
    assert has_rows(signature)
    assert independent(signature, run)


@pytest.mark.parametrize("model", [graphs.running_sum, attention, fixed_output], ids=str)
def test_what_only_looks_like_rows(model):
    signature, run = loaded(model())
    assert not (has_rows(signature) and independent(signature, run))


@pytest.mark.parametrize("dims", [(1, 2), (), (2,)])
def test_a_dimension_that_is_not_free_is_no_batch(dims):
    assert not has_rows(loaded(graphs.identity(dims=dims))[0])


@pytest.mark.parametrize("kind", ["FLOAT16", "BFLOAT16", "BOOL", "STRING", "UINT8", "DOUBLE"])
def test_examples_of_every_datatype_have_rows_that_differ(kind):
    signature, _ = loaded(graphs.identity(TensorProto.DataType.Value(kind)))
    example = examples(signature, 2)["x"]
    assert example.shape == (2, 2)
    assert example[0].tolist() != example[1].tolist()
