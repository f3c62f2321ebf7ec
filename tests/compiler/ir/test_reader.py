"""What reading a file settles at once, and the sentence with which the rest is refused."""

import numpy as np
import onnx
import onnx.parser
import pytest
from support.compiled_graphs import compile_graphs

from undin.compiler.ir.check import check
from undin.compiler.ir.graph import Unsupported
from undin.compiler.ir.reader import convert, read_graph
from undin.compiler.pipeline import program_of

pytestmark = pytest.mark.quick

HEADER = '<ir_version: 8, opset_import: ["" : 17]>\n'


def model(text: str) -> onnx.ModelProto:
    """A model in ONNX's own notation: ``g (inputs) => (outputs) <initializers> { nodes }``."""
    return onnx.parser.parse_model(HEADER + text)


def program(text: str):
    return program_of(convert(model(text), name="test"), watch=check)


def test_shapes_and_what_is_computed_of_them_are_constants():
    graph = convert(
        model("""
        g (float[2, 3, 4] x) => (float[2, 12] y) <int64[1] first = {0}, int64[1] last = {-1}, int64 axis = {0}> {
            shape = Shape(x)
            count = Gather(shape, first)
            wanted = Concat <axis = 0> (count, last)
            y = Reshape(x, wanted)
        }"""),
        name="reshape",
    )
    assert [node.operator for node in graph.nodes] == ["Reshape"]
    np.testing.assert_array_equal(graph.nodes[0].inputs[1].constant, [2, -1])


def test_nothing_is_left_of_what_nobody_reads():
    graph = convert(
        model("""
        g (float[3] x) => (float[3] y) {
            unread = Exp(x)
            same = Identity(x)
            y, mask = Dropout(same)
        }"""),
        name="unread",
    )
    (node,) = graph.nodes
    assert node.operator == "Dropout" and node.inputs == graph.inputs and node.outputs[1] is None


def test_functions_of_the_file_are_written_out():
    inlined = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["" : 17, "mine" : 1]>
        g (float[3] x) => (float[3] y) { y = mine.twice(x) }
        <domain: "mine", opset_import: ["" : 17]> twice (a) => (b) { b = Add(a, a) }
    """)
    assert [node.operator for node in convert(inlined, name="inlined").nodes] == ["Add"]


def test_outputs_may_be_constants_and_inputs_unused(tmp_path):
    texts = {
        "constant": "g (float[2] x) => (float[2] y) <float[2] c = {1, 2}> { y = Identity(c) }",
        "through": "g (float[2] x) => (float[2] y, float[2] z) { y = Identity(x) z = Relu(x) }",
        "empty": "g (float[2, 0] x) => (float[2] y) <int64[1] a = {1}> { y = ReduceSum <keepdims = 0> (x, a) }",
        "scalar": "g (float x, float z) => (float y) { y = Sub(x, z) }",
    }
    compiled = dict(zip(texts, compile_graphs([convert(model(t), name=n) for n, t in texts.items()], tmp_path)))  # noqa: B905
    x = np.array([-1, 3], np.float32)
    np.testing.assert_array_equal(compiled["constant"].run(x)[0], [1, 2])
    np.testing.assert_array_equal(compiled["through"].run(x), [x, [0, 3]])
    np.testing.assert_array_equal(compiled["empty"].run(np.zeros((2, 0)))[0], [0, 0])
    assert compiled["scalar"].run(np.float32(2), np.float32(5))[0] == -3


def test_numbers_that_are_none_or_too_large_come_out_as_from_numpy(tmp_path):
    """What C leaves open: NaN in comparisons, integers divided by 0 or towards 0, floats beyond an integer."""
    texts = {
        "limits": """g (float[5] x, float[5] z) => (float[5] a, float[5] b, float[5] c, float[5] d)
            <float low = {-1}, float high = {1}>
            { a = Min(x, z) b = Max(x, z) c = Clip(x, low, high) d = Relu(x) }""",
        "integers": """g (int32[4] x, int32[4] z, float[4] f) => (int32[4] a, int32[4] b, int64[4] c)
            { a = Div(x, z) b = Cast <to = 6> (f) c = Cast <to = 7> (f) }""",
    }
    limits, integers = compile_graphs([convert(model(t), name=n) for n, t in texts.items()], tmp_path)
    nan, inf = np.nan, np.inf
    x, z = np.array([nan, 1, 2, -inf, inf], np.float32), np.array([1, nan, -3, 0, nan], np.float32)
    expected = np.minimum(x, z), np.maximum(x, z), np.clip(x, -1, 1), np.maximum(x, 0)
    np.testing.assert_array_equal(limits.run(x, z), expected)
    a, b, c = integers.run([7, -7, 5, -(2**31)], [-2, 2, 0, -1], [3e9, -3e9, nan, -2.7])
    np.testing.assert_array_equal(a, [-3, -3, 0, -(2**31)])
    np.testing.assert_array_equal(b, [2**31 - 1, -(2**31), 0, -2])
    np.testing.assert_array_equal(c, [3_000_000_000, -3_000_000_000, 0, -2])


def test_old_operator_sets_take_attributes_where_new_ones_take_inputs(tmp_path):
    old = onnx.parser.parse_model("""
        <ir_version: 4, opset_import: ["" : 9]>
        g (float[2, 2, 3] x) => (float[2, 2, 3] y, float[2, 2] z, float[2, 4, 3] p) {
            y = Softmax <axis = 1> (x)
            c = Clip <min = -1.0, max = 1.0> (x)
            r = ReduceMean <axes = [2], keepdims = 0> (c)
            s = Slice <axes = [1], starts = [0], ends = [2]> (r)
            u = Unsqueeze <axes = [2]> (s)
            z = Squeeze <axes = [2]> (u)
            p = Pad <pads = [0, 1, 0, 0, 1, 0], value = 2.0> (x)
        }""")
    (compiled,) = compile_graphs([convert(old, name="old")], tmp_path)
    x = np.random.default_rng(0).standard_normal((2, 2, 3)).astype(np.float32)
    y, z, p = compiled.run(x)
    powers = np.exp(x.reshape(2, 6))
    np.testing.assert_allclose(y.reshape(2, 6), powers / powers.sum(1, keepdims=True), rtol=1e-6)
    np.testing.assert_allclose(z.reshape(2, 2), np.clip(x, -1, 1).mean(2), rtol=1e-6)
    np.testing.assert_array_equal(p.reshape(2, 4, 3), np.pad(x, ((0, 0), (1, 1), (0, 0)), constant_values=2))


REFUSED = {
    "an operator nobody knows": (
        "g (float[3, 3] x) => (float y) { y = Det(x) }",
        r"cannot compile Det 'y' of x \(3, 3\): undin does not know this operator",
    ),
    "a form of a known operator": (
        "g (float[1, 1, 4] x, float[1, 1, 2] w) => (float[1, 1, 3] y) { y = Conv(x, w) }",
        r"cannot compile Conv 'y' of x \(1, 1, 4\), w \(1, 1, 2\): its input 'w' must be a constant",
    ),
    "shapes that depend on values": (
        "g (float[9] x, int64[1] n) => (float[m] y) <int64[1] zero = {0}> { y = Slice(x, zero, n) }",
        r"cannot compile Slice .* of x \(9,\), zero \(1,\), n \(1,\): its output 'y' has a shape that",
    ),
    "inputs without shapes": (
        "g (float[n] x) => (float[n] y) { y = Relu(x) }",
        r"axis 0 of input 'x' has no fixed size but 'n': export the model with fixed sizes, without dynamic axes",
    ),
    "types": (
        "g (double[2] x) => (double[2] y) { y = Relu(x) }",
        r"input 'x' has the type double, and undin compiles float32 and integers",
    ),
    "text": (
        "g (string[2] x) => (string[2] y) { y = Identity(x) }",
        r"input 'x' has the type string, and undin compiles float32 and integers",
    ),
    "inputs that are no tensors": (
        "g (seq(float[2]) x, int64 i) => (float[2] y) { y = SequenceAt(x, i) }",
        r"input 'x' is no tensor",
    ),
    "sequences in between": (
        "g (float[2] x) => (float[4] y) { s = SequenceConstruct(x, x) y = ConcatFromSequence <axis = 0> (s) }",
        r"cannot compile SequenceConstruct 's' of x \(2,\), x \(2,\): its output 's' is no tensor",
    ),
    "reshapes to other sizes": (
        "g (float[4] x) => (float[3] y) <int64[1] s = {3}> { y = Reshape(x, s) }",
        r"cannot compile Reshape 'y' of x \(4,\), s \(1,\): its output y \(3,\) has another number of elements",
    ),
    "shapes that do not fit": (
        "g (float[4, 3] x) => (float[4, 4] y) { y = MatMul(x, x) }",
        r"cannot compile MatMul 'y' of x \(4, 3\), x \(4, 3\): Incompatible dimensions",
    ),
    "values from nowhere": (
        "g (float[4] x) => (float[4] y) { y = Add(x, z) }",
        r"no node computes 'z' before it is needed",
    ),
    "types in between": (
        "g (float[2] x) => (float16[2] y) { y = Cast <to = 10> (x) }",
        r"cannot compile Cast 'y' of x \(2,\): its output 'y' has the type float16",
    ),
    "branches": (
        """g (bool c, float[2] x) => (float[2] y) {
            y = If (c) <
                then_branch = a () => (float[2] p) { p = Exp(x) },
                else_branch = b () => (float[2] q) { q = Log(x) }
            >
        }""",
        r"cannot compile If 'y' of c \(\): it runs graphs of its own",
    ),
    "short sequences": (
        """g (float[3, 1, 2] x) => (float[3, 1, 1, 1] y)
            <float[1, 1, 2] w = {1, 2}, float[1, 1, 1] r = {1}, float[1, 2] b = {0, 0}, int32[1] n = {2}>
            { y = RNN <hidden_size = 1> (x, w, r, b, n) }""",
        r"cannot compile RNN 'y' of .*: its sequence_lens \[2\] are not all the whole length 3",
    ),
    "gates that are coupled": (
        """g (float[1, 1, 1] x) => (float[1, 1, 1, 1] y)
            <float[1, 4, 1] w = {1, 2, 3, 4}, float[1, 4, 1] r = {1, 2, 3, 4}>
            { y = LSTM <hidden_size = 1, input_forget = 1> (x, w, r) }""",
        r"cannot compile LSTM 'y' of .*: input_forget couples its gates",
    ),
    "training": (
        "g (float[2] x) => (float[2] y) <float r = {0.5}, bool t = {1}> { y = Dropout(x, r, t) }",
        r"cannot compile Dropout 'y' of x \(2,\).*: it is in training mode",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_the_rest_is_refused_in_one_sentence(what):
    text, sentence = REFUSED[what]
    with pytest.raises(ValueError, match=sentence) as refusal:
        program(text)
    assert "\n" not in str(refusal.value)


def test_operators_of_other_domains_are_refused():
    other = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
        g (float[3] x) => (float[3] y) { y = com.microsoft.Relu(x) }""")
    with pytest.raises(
        Unsupported, match=r"Relu 'y' of x \(3,\): undin does not know the operators of 'com.microsoft'"
    ):
        convert(other, name="other")


CONV = "g (float[1, 1, 9] x) => (float[1, 1, 5] y) <float[1, 1, 5] w = {1, 2, 3, 4, 5}> { y = Conv(x, w) }"


@pytest.mark.parametrize("content", [b"", b"RIFF....WAVE", model(CONV).SerializeToString()[:60]])
def test_files_that_are_no_models_are_refused(tmp_path, content):
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"broken\.onnx is not a valid ONNX file: .+") as refusal:
        read_graph(path)
    assert "\n" not in str(refusal.value)


def test_missing_files_and_folders_are_refused(tmp_path):
    for path in (tmp_path / "missing.onnx", tmp_path):
        with pytest.raises(OSError):
            read_graph(path)


def test_weights_may_lie_in_a_file_beside(tmp_path):
    path = tmp_path / "conv.onnx"
    conv = model(CONV)
    conv.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(np.arange(5, dtype=np.float32)[None, None], "w"))
    onnx.save(conv, path, save_as_external_data=True, location="conv.data", size_threshold=0)
    np.testing.assert_array_equal(read_graph(path).nodes[0].inputs[1].constant, [[[0, 1, 2, 3, 4]]])
    (tmp_path / "conv.data").unlink()
    with pytest.raises((OSError, ValueError), match=r"conv\.data"):
        read_graph(path)
