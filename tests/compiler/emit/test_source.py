"""What is written as C: constants come back bit by bit."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from support.compiled_graphs import compile_graphs

from undin.compiler.ir.reader import convert

pytestmark = pytest.mark.quick

KINDS = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64, "int32": TensorProto.INT32, "bool": TensorProto.BOOL}


def any_bits(dtype: str) -> np.ndarray:
    """Numbers of all kinds, not a number and denormals among them."""
    dtype = np.dtype(dtype)
    noise = np.random.default_rng(0)
    if dtype.kind == "b":
        return noise.random(101) < 0.5
    return np.frombuffer(noise.bytes(101 * dtype.itemsize), dtype)


@pytest.mark.parametrize("order", [list(KINDS), list(KINDS)[::-1]])
def test_weights_are_exact(tmp_path, order):
    arrays = {dtype: any_bits(dtype) for dtype in order}
    nodes = [helper.make_node("Concat", [f"x_{dtype}", f"c_{dtype}"], [f"y_{dtype}"], axis=0) for dtype in order]
    graph = helper.make_graph(
        nodes,
        "constants",
        [helper.make_tensor_value_info(f"x_{dtype}", KINDS[dtype], [1]) for dtype in order],
        [helper.make_tensor_value_info(f"y_{dtype}", KINDS[dtype], [102]) for dtype in order],
        initializer=[numpy_helper.from_array(array, f"c_{dtype}") for dtype, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (compiled,) = compile_graphs([convert(model, name="constants")], tmp_path)
    outputs = compiled.run(*(np.zeros(1, dtype) for dtype in order))
    for output, array in zip(outputs, arrays.values(), strict=True):
        assert output[1:].tobytes() == array.tobytes()
