"""What lowering saves: weights that edges share with the middle, and copies of caches."""

import numpy as np
import onnx.parser
import pytest
import torch
from support.compiled_graphs import Compiled, compile_graphs
from torch.nn import functional

from undin.compiler.ir.reader import convert

pytestmark = pytest.mark.quick

HEADER = '<ir_version: 8, opset_import: ["" : 17]>\n'
CONVOLUTIONS = {
    "over_time_and_bands": ((5, 4, 2, 3), {"padding": (0, 1)}),
    "with_stride": ((5, 4, 2, 5), {"padding": (0, 2), "stride": (1, 2)}),
    "of_four_bands": ((5, 4, 2, 4), {"padding": (0, 3)}),
    "dilated": ((5, 4, 1, 3), {"padding": (0, 2), "dilation": (1, 2)}),
    "of_channels": ((4, 1, 1, 3), {"padding": (0, 1), "groups": 4}),
    "far_reaching": ((5, 4, 1, 15), {"padding": (0, 7)}),
    "grouped": ((6, 2, 1, 3), {"padding": (0, 1), "groups": 2}),
}
"""Weights (out, in / groups, frames, bands) and options of convolutions of (4, 2, 9), channels, frames and bands."""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory) -> dict[str, Compiled]:
    texts = {name: _convolution(*case) for name, case in CONVOLUTIONS.items()}
    texts["cache"] = """
        g (float[1, 4, 1, 6] x, float[1, 4, 3, 6] past) => (float[1, 4, 1, 6] mean, float[1, 72] next)
        <int64[1] first = {1}, int64[1] last = {4}, int64[1] axis = {2}> {
            recent = Concat <axis = 2> (past, x)
            mean = AveragePool <kernel_shape = [4, 1]> (recent)
            kept = Slice(recent, first, last, axis)
            next = Flatten(kept)
        }"""
    graphs = []
    for name, text in texts.items():
        model = onnx.parser.parse_model(HEADER + text)
        if name in CONVOLUTIONS:
            model.graph.initializer.append(onnx.numpy_helper.from_array(_weights(CONVOLUTIONS[name][0]), "w"))
        graphs.append(convert(model, name=name))
    folder = tmp_path_factory.mktemp("lowered")
    return dict(zip(texts, compile_graphs(graphs, folder), strict=True))


def _convolution(shape: tuple[int, ...], options: dict) -> str:
    stride, dilation, (_, pad) = options.get("stride", (1, 1)), options.get("dilation", (1, 1)), options["padding"]
    bands = (9 + 2 * pad - dilation[1] * (shape[-1] - 1) - 1) // stride[1] + 1
    return f"""
        g (float[1, 4, 2, 9] x) => (float[1, {shape[0]}, {3 - shape[2]}, {bands}] y) {{
            y = Conv <pads = [0, {pad}, 0, {pad}], strides = [1, {stride[1]}], dilations = [1, {dilation[1]}],
                      group = {options.get("groups", 1)}> (x, w)
        }}"""


def _weights(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_edges_read_the_weights_of_the_middle(compiled, name):
    shape, options = CONVOLUTIONS[name]
    x = np.random.default_rng(1).standard_normal((1, 4, 2, 9)).astype(np.float32)
    expected = functional.conv2d(torch.from_numpy(x), torch.from_numpy(_weights(shape)), **options).numpy()
    (y,) = compiled[name].run(x)
    np.testing.assert_allclose(y, expected.reshape(-1), rtol=1e-5, atol=1e-5)
    (step,) = (step for step in compiled[name].program.steps if step.label in ("conv", "depthwise"))
    assert len(step.reads) == 3  # input, bias and one piece of weights


def test_windows_that_reach_far_find_zeros_in_memory(compiled):
    """One call does it, where each edge would be a call of its own."""
    (step,) = (step for step in compiled["far_reaching"].program.steps if step.label == "conv")
    assert sum("undin_matmul(" in line for line in step.code()) == 1


def test_a_cache_and_its_mean_are_read_from_their_pieces(compiled):
    """Nothing is copied but the next cache: three frames of it, and the new one."""
    x, past = _weights((1, 4, 1, 6)), _weights((1, 4, 3, 6))
    mean, following = compiled["cache"].run(x, past)
    recent = np.concatenate((past, x), axis=2)
    np.testing.assert_allclose(mean, recent.mean(2).reshape(-1), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(following, recent[:, :, 1:].reshape(-1))
    steps = compiled["cache"].program.steps
    assert sum(step.writes[0].size for step in steps if step.label == "copy") == 72
