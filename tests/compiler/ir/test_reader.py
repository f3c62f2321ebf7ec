"""What reading a file settles at once, and the sentence with which the rest is refused."""

import re

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import helper, numpy_helper
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
        "g (float[4] x, float[4] z) => (float[4] y) { y = Mod(x, z) }",
        r"cannot compile Mod 'y' of x \(4,\), z \(4,\): of floats it takes fmod = 1 only",
    ),
    "shapes that depend on values": (
        "g (float[9] x, int64[1] n) => (float[m] y) <int64[1] zero = {0}> { y = Slice(x, zero, n) }",
        r"cannot compile Slice .* of x .*: its input 'n' must be a constant: give it with --input n=VALUE",
    ),
    "several inputs of open sizes": (
        "g (float[n, 2, m] x, float[n] z) => (float[n] y) { y = Relu(x) }",
        r"axis 0 of input 'x' has no fixed size but 'n': give it one with --dim n=N, and others with --dim m=N$",
    ),
    "inputs without shapes": (
        "g (float[n] x) => (float[n] y) { y = Relu(x) }",
        r"axis 0 of input 'x' has no fixed size but 'n': give it one with --dim n=N",
    ),
    "types": (
        "g (complex64[2] x) => (complex64[2] y) { y = Identity(x) }",
        r"input 'x' has the type complex64, and undin compiles bool, float16, float32,",
    ),
    "text": (
        "g (string[2] x) => (string[2] y) { y = Identity(x) }",
        r"input 'x' has the type string, and undin compiles bool, float16, float32,",
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
        r"cannot compile Reshape 'y' of x \(4,\), s \(1,\): its output \(3,\) has another number of elements",
    ),
    "shapes that do not fit": (
        "g (float[4, 3] x) => (float[4, 4] y) { y = MatMul(x, x) }",
        r"cannot compile MatMul 'y' of x \(4, 3\), x \(4, 3\): its operands \(4, 3\) and \(4, 3\) do not fit",
    ),
    "values from nowhere": (
        "g (float[4] x) => (float[4] y) { y = Add(x, z) }",
        r"no node computes 'z' before it is needed",
    ),
    "types in between": (
        "g (float[2] x) => (uint64[2] y) { y = Cast <to = 13> (x) }",
        r"cannot compile Cast 'y' of x \(2,\): its output 'y' has the type uint64",
    ),
    "branches of different sizes": (
        """g (bool c, float[2] x) => (float[n] y) {
            y = If (c) <
                then_branch = a () => (float[2] p) { p = Exp(x) },
                else_branch = b () => (float[4] q) { q = Concat <axis = 0> (x, x) }
            >
        }""",
        r"its branches give p \(2,\) and q \(4,\), so its condition 'c' must be a constant: give it with --input c=",
    ),
    "loops that end when the sound says so": (
        """g (int64 n, float[2] x) => (float[2] y) {
            y = Loop (n, , x) <body = b (int64 i, bool c, float[2] v) => (bool d, float[2] w)
                { d = Identity(c) w = Exp(v) }>
        }""",
        r"cannot compile Loop 'y' of n .*: how often it runs depends on 'n', which must be a constant: give it with",
    ),
    "what follows from an input": (
        """g (float[2] x, int64[1] rate) => (float[m] y) <int64[1] hop = {100}> {
            n = Div(rate, hop) y = Expand(x, n)
        }""",
        r"its input 'n' must be a constant: give what it follows from with --input rate=VALUE$",
    ),
    "circles": (
        "g (float[2] x) => (float[2] y) { y = Add(x, z) z = Exp(y) }",
        r"(Add 'y'|Exp 'z') waits for its own result",
    ),
    "random numbers": (
        "g (float[2] x) => (float[2] y) { y = RandomNormalLike(x) }",
        r"cannot compile RandomNormalLike 'y' of x \(2,\): its result is random",
    ),
    "types that differ": (
        "g (float[2] x, int32[2] z) => (float[2] y) { y = Add(x, z) }",
        r"cannot compile Add 'y' of .*: its inputs are of different types, float32 and int32",
    ),
    "tensors beyond memory": (
        "g (float[1] x) => (float[n] y) <int64[1] n = {17179869184}> { y = Expand(x, n) }",
        r"cannot compile Expand 'y' of .*: its output would have the shape \(17179869184,\), and undin computes fewer",
    ),
    "constants beyond memory": (
        "g (float[1] x) => (float[n] y) <int64[1] n = {17179869184}> { c = ConstantOfShape(n) y = Add(x, c) }",
        r"cannot compile ConstantOfShape 'c' of .*: its output would have the shape \(17179869184,\), and undin",
    ),
    "inputs beyond memory": (
        "g (float[1099511627776] x) => (float[n] y) { y = Relu(x) }",
        r"input 'x' has the shape \(1099511627776,\), and undin takes fewer than 2\^24 elements",
    ),
    "negative sizes": (
        "g (float[-3] x) => (float[n] y) { y = Relu(x) }",
        r"axis 0 of input 'x' has no fixed size: give it one with --shape x=N",
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


UNFIT = {
    "Conv <group = 3> (x, w)": ("float[1, 4, 8] x", "float[6, 2, 3] w"),
    "Conv (x, w) of other channels": ("float[1, 4, 8] x", "float[6, 2, 3] w"),
    "Conv <group = 0> (x, w)": ("float[1, 1, 8] x", "float[1, 1, 3] w"),
    "Conv (x, w, b)": ("float[1, 1, 8] x", "float[6, 1, 3] w", "float[2] b"),
    "Conv <strides = [0]> (x, w)": ("float[1, 1, 8] x", "float[6, 1, 3] w"),
    "Conv (x, w) of a window beyond the input": ("float[1, 1, 8] x", "float[1, 1, 9] w"),
    "ConvTranspose (x, w)": ("float[1, 3, 8] x", "float[2, 1, 3] w"),
    "GRU <hidden_size = 64> (x, w, r)": ("float[1, 1, 3] x", "float[1, 12, 3] w", "float[1, 12, 4] r"),
    "GRU <hidden_size = 4> (x, w, r)": ("float[1, 1, 3] x", "float[1, 12, 2] w", "float[1, 12, 4] r"),
    "GRU <hidden_size = 4> (x, w, r, b)": (
        *("float[1, 1, 3] x", "float[1, 12, 3] w", "float[1, 12, 4] r"),
        "float[1, 6] b",
    ),
    "GRU <hidden_size = 4> (x, w, r, , , h)": (
        *("float[1, 1, 3] x", "float[1, 12, 3] w", "float[1, 12, 4] r"),
        "float[1, 1, 2] h",
    ),
    "MaxPool <kernel_shape = [3], pads = [3, 3]> (x)": ("float[1, 1, 8] x",),
    "PRelu (x, b)": ("float[4] x", "float[3] b"),
    "BatchNormalization (x, b, b, b, b)": ("float[1, 4, 8] x", "float[3] b"),
    "Reshape (x, s) {1, 5}": ("float[4] x",),
    "Split (x, s) {9, -5}": ("float[4] x",),
    "Gather (x, s) {9}": ("float[4] x",),
    "GatherElements (x, s) {9}": ("float[4] x",),
    "Slice (x, s, s, s, s) {0}": ("float[4] x",),
    "Transpose <perm = [0, 0]> (x)": ("float[4, 4] x",),
    "Pad (x, s) {1099511627776, 0}": ("float[2] x",),
    "Pad (x, s) {-5, 0}": ("float[2] x",),
    'Pad <mode = "constaXt"> (x, s) {1, 1}': ("float[2] x",),
    "Cast <to = 17> (x)": ("float[2] x",),
    'Pad <mode = "edge"> (x, s) {65536, 0}': ("float[2] x",),
    "Reshape (x, w)": ("float[2] x", "float[2, 2] w"),
    "Cast <to = 255> (x)": ("float[2] x",),
    "Concat <axis = 3> (x, x)": ("float[2] x",),
}
"""Nodes that ONNX Runtime refuses too; a name beginning with x is the input, s are integers, all others weights."""


@pytest.mark.parametrize("node", UNFIT)
def test_what_does_not_fit_is_refused_by_name(node):
    text, _, numbers = node.partition(" {")
    text = text.partition(" of ")[0]
    inputs, weights = UNFIT[node][0], [item.split("] ") for item in UNFIT[node][1:]]
    operator, attributes, operands = re.fullmatch(r"(\w+) (<.*> )?(\(.*\))", text).groups()
    proto = onnx.parser.parse_node(f"y = {operator} {attributes or ''}{operands}")
    arrays = {name: np.ones(eval(shape.removeprefix("float[") + ","), np.float32) for shape, name in weights}
    arrays |= {"s": np.array(eval(f"[{numbers[:-1]}]"), np.int64)} if numbers else {}
    x = onnx.parser.parse_graph(f"g ({inputs}) => (float y) {{ y = Relu(x) }}").input
    outputs = [onnx.ValueInfoProto(name=name) for name in proto.output]
    graph = helper.make_graph([proto], "g", x, outputs, [numpy_helper.from_array(a, n) for n, a in arrays.items()])
    unfit = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with pytest.raises(Unsupported, match=rf"^cannot compile {operator} 'y' of x .*: .+"):
        convert(unfit, name="unfit")


def test_unknown_versions_are_refused_by_number():
    newest = onnx.defs.onnx_opset_version()
    for version in (0, -1, newest + 1, 10**9):
        unknown = model("g (float[3] x) => (float[3] y) { y = Relu(x) }")
        unknown.opset_import[0].version = version
        with pytest.raises(ValueError, match=rf"version {version} of ONNX's operators, and undin knows 1 to {newest}"):
            convert(unknown, name="unknown")


def test_what_runtimes_take_is_taken(tmp_path):
    """Nodes in any order, outputs without shapes or with other ones, constants of old files that are no inputs."""
    proto = model(
        "g (float[3] x) => (float[7] y, float z) <float[3] w = {1, 2, 3}> { y = Exp(a) a = Mul(x, w) z = Abs(a) }"
    )
    proto.graph.output[1].type.tensor_type.ClearField("shape")
    proto.ir_version = 3
    path = tmp_path / "odd.onnx"
    onnx.save(proto, path)
    (compiled,) = compile_graphs([read_graph(path)], tmp_path)
    y, z = compiled.run([1, -1, 0])
    np.testing.assert_allclose(y, np.exp([1, -2, 0]), rtol=1e-6)
    np.testing.assert_array_equal(z, [1, 2, 0])


BRANCHES = """
    g (float[3, 1, 4] x, bool c) => (float[n, m] y, float[n, m] z)
        <int64 i = {1}, int64 k = {1}, int64[1] one = {1}> {
        s = Shape(x) d = Gather(s, i) e = Equal(d, k)
        y = If (e) <
            then_branch = a () => (float[3, 4] t) { t = Squeeze(x, one) },
            else_branch = b () => (float[3, 1, 4] t) { t = Identity(x) }
        >
        z = If (c) <
            then_branch = a () => (float[3, 4] t) { u = Exp(x) t = Squeeze(u, one) },
            else_branch = b () => (float[3, 4] t) { t = Squeeze(x, one) }
        >
    }"""


def test_branches_are_taken(tmp_path):
    (compiled,) = compile_graphs([convert(model(BRANCHES), name="branches")], tmp_path)
    x = np.random.default_rng(0).standard_normal((3, 1, 4)).astype(np.float32)
    for condition in (False, True):
        y, z = compiled.run(x, condition)
        np.testing.assert_array_equal(y.reshape(3, 4), x[:, 0])
        np.testing.assert_allclose(z.reshape(3, 4), np.exp(x[:, 0]) if condition else x[:, 0], rtol=1e-6)


LOOPS = """
    g (float[2] x, float[3, 2] rows) => (float[2] y, float[n, m] all, float[2] s, float[n, m] sums)
        <int64 n = {4}, bool go = {1}, float half = {0.5}, int64 last = {2}> {
        y, all = Loop (n, go, x) <body = b (int64 i, bool c, float[2] v) => (bool d, float[2] w, float[2] o)
            { d = Less(i, last) w = Mul(v, half) o = Neg(w) }>
        s, sums = Scan <num_scan_inputs = 1, body = b (float[2] a, float[2] r) => (float[2] t, float[2] o)
            { t = Add(a, r) o = Identity(t) }> (x, rows)
    }"""


def test_loops_run_as_often_as_constants_say(tmp_path):
    (compiled,) = compile_graphs([convert(model(LOOPS), name="loops")], tmp_path)
    x, rows = np.array([8, -4], np.float32), np.arange(6, dtype=np.float32).reshape(3, 2)
    y, every, last, sums = compiled.run(x, rows)
    np.testing.assert_array_equal(y, x / 8)
    np.testing.assert_array_equal(every.reshape(3, 2), [-x / 2, -x / 4, -x / 8])
    np.testing.assert_array_equal(last, x + rows.sum(0))
    np.testing.assert_array_equal(sums.reshape(3, 2), x + rows.cumsum(0))


def test_floats_of_other_sizes_keep_their_type_at_the_borders(tmp_path):
    text = """g (float16[9] x, double[9] z, int16[9] i) => (float16[9] a, double[9] b, float[9] c)
        <double[9] w = {1, 2, 3, 4, 5, 6, 7, 8, 9}> {
        a = Neg(x) b = Mul(z, w) c = Cast <to = 1> (i) }"""
    graph = convert(model(text), name="borders")
    assert graph.narrowed == ["float16", "float64"]
    (compiled,) = compile_graphs([graph], tmp_path)
    x = np.array([0, -0.0, 1.5, 65504, 6e-8, -3e-5, np.inf, np.nan, 0.1], np.float16)
    z = np.array([0, 1e300, 3, -1e-30, 1e-50, 7, np.inf, np.nan, 0.1])
    a, b, c = compiled.run(x, z, np.arange(-4, 5) * 8000)
    np.testing.assert_array_equal(a, -x)
    np.testing.assert_array_equal(np.signbit(a[:2]), [True, False])
    np.testing.assert_allclose(b, z.astype(np.float32) * np.arange(1, 10), rtol=1e-6)
    np.testing.assert_array_equal(c, np.arange(-4, 5) * 8000)


def test_operators_of_other_domains_are_refused():
    other = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
        g (float[3] x) => (float[3] y) { y = com.microsoft.Relu(x) }""")
    with pytest.raises(
        Unsupported, match=r"Relu 'y' of x \(3,\): undin does not know the operators of 'com.microsoft'"
    ):
        convert(other, name="other")


def test_transforms_whose_matrix_fits_nowhere_are_refused():
    with pytest.raises(Unsupported, match="of the length 65536 would be a matrix"):
        program("g (float[1, 65536, 1] x) => (float[1, 65536, 2] y) { y = DFT <axis = 1> (x) }")
    with pytest.raises(Unsupported, match="of the length 65536 would be a matrix"):
        program("""g (float[1, 65536, 1] x) => (float[1, 1, 32769, 2] y) <int64 hop = {16}, int64 length = {65536}>
            { y = STFT (x, hop, , length) }""")


@pytest.mark.parametrize("name", ["two\nlines", "ä" * 2000])
@pytest.mark.parametrize("domain", ["", "com.microsoft"])
def test_odd_names_stand_in_one_short_sentence(tmp_path, name, domain):
    odd = model(CONV)
    odd.graph.node[0].op_type = odd.graph.node[0].name = odd.graph.node[0].input[0] = odd.graph.input[0].name = name
    odd.graph.node[0].domain = domain
    odd.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    path = tmp_path / "odd.onnx"
    path.write_bytes(odd.SerializeToString())
    with pytest.raises(ValueError) as refusal:
        read_graph(path)
    assert "\n" not in str(refusal.value) and len(str(refusal.value)) < 1_000


CONV = "g (float[1, 1, 9] x) => (float[1, 1, 5] y) <float[1, 1, 5] w = {1, 2, 3, 4, 5}> { y = Conv(x, w) }"


@pytest.mark.parametrize("content", [b"", b"RIFF....WAVE", model(CONV).SerializeToString()[:60]])
def test_files_that_are_no_models_are_refused(tmp_path, content):
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"broken\.onnx is not a valid ONNX file: .+") as refusal:
        read_graph(path)
    assert "\n" not in str(refusal.value)


def _type_that_is_none(spoilt):
    spoilt.graph.input[0].type.tensor_type.elem_type = 256


def _name_that_is_no_text(spoilt):
    spoilt.graph.node[0].attribute[0].name = "name_of_an_attribute"


def _call_of_a_function(spoilt, *, inputs):
    other = onnx.parser.parse_function('<domain: "own", opset_import: ["" : 17]> Doubled (v) => (u) { u = Add(v, v) }')
    spoilt.functions.append(other)
    spoilt.opset_import.append(helper.make_opsetid("own", 1))
    spoilt.graph.node.append(helper.make_node("Doubled", inputs, ["z"], domain="own"))
    spoilt.graph.output.add().name = "z"


SPOILT = {
    "type": (_type_that_is_none, "type of the number 256"),
    "name": (_name_that_is_no_text, "is not UTF-8"),
    "too much for a function": (lambda m: _call_of_a_function(m, inputs=["x", "x"]), "its functions cannot be written"),
    "too little for a function": (lambda m: _call_of_a_function(m, inputs=[]), "it lacks its input 0"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_spoilt_files_are_refused_in_one_sentence(tmp_path, what):
    spoil, sentence = SPOILT[what]
    spoilt = model(CONV.replace("Conv(", "Conv <group = 1> ("))
    spoil(spoilt)
    path = tmp_path / "spoilt.onnx"
    path.write_bytes(spoilt.SerializeToString().replace(b"name_of_an_attribute", b"name_of_an_attribut\xff"))
    with pytest.raises(ValueError, match=sentence) as refusal:
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
