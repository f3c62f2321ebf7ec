"""Operators in forms that ONNX's own tests leave out and networks of others have, against ONNX Runtime."""

import numpy as np
import onnx
import onnx.parser
import onnxruntime
import pytest
from onnx import TensorProto, helper
from support.compiled_graphs import Compiled, compile_graphs

from undin.compiler.ir.reader import convert

pytestmark = pytest.mark.quick

OLD = '<ir_version: 4, opset_import: ["" : 9]>\n'
USUAL = '<ir_version: 8, opset_import: ["" : 18]>\n'
NEW = '<ir_version: 10, opset_import: ["" : 23]>\n'

MODELS = {
    "windows_inside_the_padding": f"""{USUAL}
        g (float[1, 2, 3, 3] x) => (float[1, 1, 7, 6] y, float[1, 2, 7, 6] z)
            <float[1, 2, 1, 2] w = {{1, 2, 3, 4}}, float[2, 1, 1, 2] v = {{1, 2, 3, 4}}, float[2] b = {{5, 6}}>
            {{ y = Conv <pads = [2, 2, 2, 2]> (x, w) z = Conv <pads = [2, 2, 2, 2], group = 2> (x, v, b) }}""",
    "transposed_convolution_cut_on_another_axis": f"""{USUAL}
        g (float[1, 1, 3, 2] x) => (float[1, 2, 2, 4] y) <float[1, 2, 1, 3] w = {{1, 2, 3, 4, 5, 6}}>
            {{ y = ConvTranspose <strides = [1, 2], pads = [0, 0, 1, 1]> (x, w) }}""",
    "product_of_what_is_repeated": f"""{USUAL}
        g (float[2, 3, 1] x) => (float[2, 3, 3] y) <int64[3] wide = {{2, 3, 4}}>
            {{ a = Expand (x, wide) b = Transpose <perm = [0, 2, 1]> (a) y = MatMul (a, b) }}""",
    "padding_that_shifts": f"""{USUAL}
        g (float[4] x) => (float[4] y) <int64[2] widths = {{-1, 1}}> {{ y = Pad (x, widths) }}""",
    "split_with_parts_that_nobody_reads": f"""{USUAL}
        g (float[2, 7] x) => (float[2, 3] y) {{ a, y, c = Split <axis = -1, num_outputs = 3> (x) }}""",
    "assignment_to_a_slice": f"""{USUAL}
        g (float[3, 2] x, float[1, 2] z) => (float[3, 2] y) <int64[1, 2] places = {{1, 1}}>
            {{ e = Exp (z) y = ScatterElements (x, places, e) }}""",
    "scattered_sums": f"""{USUAL}
        g (float[3, 2] x, float[2, 2] z) => (float[3, 2] y) <int64[2, 2] places = {{-1, 0, 2, 0}}>
            {{ y = ScatterElements <reduction = "add"> (x, places, z) }}""",
    "long_averages_along_a_row": f"""{USUAL}
        g (float[1, 1, 40] x, float[1, 1, 1, 30] w)
            => (float[1, 1, 40] y, float[1, 1, 33] z, float[1, 1, 40] a, float[1, 1, 1, 1] b) {{
            y = AveragePool <kernel_shape = [33], pads = [16, 16]> (x)
            z = AveragePool <kernel_shape = [8]> (x)
            a = AveragePool <kernel_shape = [13], pads = [4, 8], count_include_pad = 1> (x)
            b = AveragePool <kernel_shape = [1, 30]> (w)
        }}""",
    "what_onnx_defines_by_others": f"""{NEW}
        g (float[2, 8] x) => (float[2, 8] a, float[2, 8] b, float[2, 8] c, float[2, 8] d, float[2, 1] e)
            <float[8] s = {{1, 2, 3, 4, 5, 6, 7, 8}}, int64[1] last = {{-1}}> {{
            a = Gelu (x)
            b = Gelu <approximate = "tanh"> (x)
            c = Mish (x)
            d = RMSNormalization (x, s)
            e = ReduceSumSquare (x, last)
        }}""",
    "attention": f"""{NEW}
        g (float[1, 2, 3, 4] q, float[1, 2, 5, 4] k, float[1, 2, 5, 4] v) => (float[1, 2, 3, 4] y)
            {{ y = Attention (q, k, v) }}""",
    "axes_from_the_end_before_they_were_allowed": f"""{OLD}
        g (float[2, 3] x) => (float[2, 6] y, float[2, 3, 1] z, float[2] m) {{
            y = Concat <axis = -1> (x, x)
            z = Unsqueeze <axes = [-1]> (x)
            m = ReduceMean <axes = [-1], keepdims = 0> (x)
        }}""",
    "upsample": f"""{OLD}
        g (float[1, 2, 2, 3] x) => (float[1, 2, 2, 6] y) <float[4] by = {{1, 1, 1, 2}}> {{ y = Upsample (x, by) }}""",
    "constants_that_are_quantised": f"""{USUAL.replace("18", "13")}
        g (float[1, 4] x) => (float[1, 2] y)
            <int8[4, 2] w = {{1, -2, 3, -4, 5, -6, 7, -8}}, float[2] s = {{0.5, 0.25}}, int8[2] o = {{1, 0}},
             float t = {{0.1}}, uint8 p = {{128}}> {{
            d = DequantizeLinear <axis = 1> (w, s, o)
            q = QuantizeLinear (x, t, p)
            r = DequantizeLinear (q, t, p)
            y = MatMul (r, d)
        }}""",
}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory) -> dict[str, Compiled]:
    graphs = [convert(onnx.parser.parse_model(text), name=name) for name, text in MODELS.items()]
    return dict(zip(MODELS, compile_graphs(graphs, tmp_path_factory.mktemp("compiled")), strict=True))


@pytest.mark.parametrize("name", MODELS)
def test_form_agrees_with_onnx_runtime(compiled, name):
    model = onnx.parser.parse_model(MODELS[name])
    oracle = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    noise = np.random.default_rng(0)
    feeds = {item.name: noise.standard_normal(item.shape, np.float32) for item in oracle.get_inputs()}
    for result, expected in zip(compiled[name].run(*feeds.values()), oracle.run(None, feeds), strict=True):
        np.testing.assert_allclose(result.reshape(expected.shape), expected, rtol=1e-5, atol=1e-5)


def test_an_assignment_copies_only_what_it_keeps(compiled):
    """Data, updates and the rest come together in the output: nothing is copied before it is overwritten."""
    steps = compiled["assignment_to_a_slice"].program.steps
    assert sum(step.writes[0].size for step in steps) == 6


def test_names_that_c_does_not_tell_apart(tmp_path):
    inputs, outputs = (
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, (2,)) for name in names]
        for names in (("x.1", "x_1", "信号"), ("y/0", "y_0"))
    )
    nodes = [
        helper.make_node("Sum", ["x.1", "x_1", "信号"], ["y/0"], name="ends */ the \\"),
        helper.make_node("Sub", ["x.1", "x_1"], ["y_0"]),
    ]
    model = helper.make_model(helper.make_graph(nodes, "names", inputs, outputs))
    (compiled,) = compile_graphs([convert(model, name="names")], tmp_path)
    np.testing.assert_array_equal(compiled.run([1, 2], [3, 5], [7, 8]), [[11, 15], [-2, -3]])
