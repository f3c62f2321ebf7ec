"""What ONNX leaves open, or its own tools get wrong, as ONNX Runtime does it: sizes, special numbers, integers."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper
from support.compiled_graphs import compile_graphs

from undin.compiler.ir.reader import convert

NAN, INF = np.nan, np.inf
SPECIAL = np.array([-2, -0.0, 0, INF, -INF, NAN, 1, -1, 2, 0.5, -1e-40, 3e38, 0.3, -7.5], np.float32)


def node(operator, *arrays, opset=17, outputs=1, constant=(), domain="", **attributes):
    """A model of one node whose inputs are these arrays, None where one is left out; and what it is fed."""
    names = ["" if array is None else f"x{i}" for i, array in enumerate(arrays)]
    results = [f"y{i}" for i in range(outputs)]
    given = {name: np.asarray(array) for name, array in zip(names, arrays, strict=True) if name}
    kinds = {name: helper.np_dtype_to_tensor_dtype(array.dtype) for name, array in given.items()}
    fed = {name: array for name, array in given.items() if int(name[1:]) not in constant}
    graph = helper.make_graph(
        [helper.make_node(operator, names, results, domain=domain, **attributes)],
        f"{operator}_{abs(hash(str((attributes, opset, [str(a) for a in arrays]))))}",
        [helper.make_tensor_value_info(name, kinds[name], array.shape) for name, array in fed.items()],
        [onnx.ValueInfoProto(name=name) for name in results],
        [numpy_helper.from_array(array, name) for name, array in given.items() if name not in fed],
    )
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8), fed


def hold_to_onnx_runtime(cases, folder, *, rtol=1e-5, atol=1e-6):
    """Compile all models into one library and compare every output of each."""
    for i, (model, _) in enumerate(cases):
        model.graph.name = f"case_{i}"
    folder = folder / f"cases_{len(list(folder.iterdir()))}"  # a library that is loaded stays what it is
    folder.mkdir()
    compiled = compile_graphs([convert(model, name=model.graph.name) for model, _ in cases], folder)
    for (model, feeds), ours in zip(cases, compiled, strict=True):
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        for result, right in zip(ours.run(*feeds.values()), session.run(None, feeds), strict=True):
            what = f"{model.graph.node[0]}, {feeds}"
            assert result.dtype == right.dtype and result.size == right.size, what
            np.testing.assert_allclose(result.reshape(right.shape), right, rtol=rtol, atol=atol, err_msg=what)


def test_powers_of_special_numbers(tmp_path):
    exponents = [0.5, -0.5, 1, 2, 3, -1, 0, NAN, INF, -INF, 0.3, -3]
    cases = []
    for exponent in np.array(exponents, np.float32):
        cases.append(node("Pow", SPECIAL, exponent, constant=(1,)))
        cases.append(node("Pow", SPECIAL, np.full_like(SPECIAL, exponent)))
    whole = np.array([2, -3, 0, 7, 1, -1])
    cases += [node("Pow", whole.astype(t), np.array([3, 2, 0, 9, -2, -3], t)) for t in (np.int32, np.int64)]
    hold_to_onnx_runtime(cases, tmp_path)


def test_limits_of_special_numbers(tmp_path):
    limits = [(0, 1), (3, 1), (-INF, INF), (None, 0.25), (-1, None)]
    # Without a limit an infinity remains one here, where ONNX Runtime takes the largest number for the limit.
    finite = SPECIAL[~np.isinf(SPECIAL)]
    cases = [
        node(
            "Clip",
            finite if None in pair else SPECIAL,
            *(None if limit is None else np.array(limit, np.float32) for limit in pair),
        )
        for pair in limits
    ]
    cases += [node(operator, SPECIAL, SPECIAL[::-1].copy()) for operator in ("Min", "Max")]
    hold_to_onnx_runtime(cases, tmp_path)


@pytest.mark.parametrize("operator", ["ReduceMax", "ReduceMin"])
def test_a_nan_that_comes_first_stays(operator, tmp_path):
    cases = []
    for width in (3, 4, 9, 17, 40):
        x = np.arange(width, dtype=np.float32)
        for row in (x, np.where(x == 0, np.float32(NAN), x)):
            cases += [
                node(operator, row[None], opset=13, axes=[1]),
                node(operator, row[:, None], opset=13, axes=[0]),
                node(operator, np.stack([row] * 5, 1), opset=13, axes=[0]),
                node(operator, row, opset=13),
            ]
    hold_to_onnx_runtime(cases, tmp_path)


def test_single_numbers(tmp_path):
    wide = np.concatenate([np.linspace(-1e4, 1e4, 4001), np.logspace(-30, 5, 500), [0, -0.0]]).astype(np.float32)
    cases = [node(operator, wide) for operator in ("Sin", "Cos")]
    cases += [node("Atan", np.append(wide, SPECIAL)), node("Tan", np.linspace(-9, 9, 1001, dtype=np.float32))]
    cases += [node(operator, np.linspace(-1.1, 1.1, 2201, dtype=np.float32)) for operator in ("Asin", "Acos")]
    cases += [
        node(operator, np.append(wide, SPECIAL)) for operator in ("Floor", "Ceil", "Round", "Sign", "IsNaN", "IsInf")
    ]
    divisors = np.array([3, -0.7, 1e-38, INF, 5e-41, 2.5], np.float32)
    cases += [node("Mod", np.append(wide, SPECIAL), np.array(d, np.float32), fmod=1) for d in divisors]
    whole, other = np.array([5, -5, 5, -5, 0, 7]), np.array([3, 3, -3, -3, 2, -7])
    cases += [node("Mod", whole.astype(t), other.astype(t), fmod=f) for t in (np.int32, np.int64) for f in (0, 1)]
    hold_to_onnx_runtime(cases, tmp_path, rtol=1e-6, atol=3e-7)


def test_every_float_of_16_bits_comes_through(tmp_path):
    halves = np.arange(65536, dtype=np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves) | np.isinf(halves)]
    floats = np.concatenate([halves.astype(np.float32), (np.arange(-70000, 70000, 1.7) * 1.0).astype(np.float32)])
    floats = np.concatenate([floats, np.nextafter(floats, np.float32(1e9)), floats * np.float32(1 + 2**-11)])
    cases = [node("Cast", halves, to=onnx.TensorProto.FLOAT), node("Cast", floats, to=onnx.TensorProto.FLOAT16)]
    hold_to_onnx_runtime(cases, tmp_path, rtol=0, atol=0)


def test_pools_are_as_large_as_in_runtimes(tmp_path):
    x, row = np.random.default_rng(0).standard_normal((1, 2, 9, 8)).astype(np.float32), np.arange(9, dtype=np.float32)
    beyond = {"kernel_shape": [3, 3], "strides": [2, 3], "pads": [1, 0, 1, 2], "ceil_mode": 1}
    cases = [node(operator, x, opset=12, **beyond) for operator in ("MaxPool", "AveragePool")]
    cases.append(node("AveragePool", x, opset=19, count_include_pad=1, **beyond))
    cases.append(node("MaxPool", row[None, None], kernel_shape=[2], strides=[3], ceil_mode=1))
    cases.append(node("MaxPool", row[None, None, :1], kernel_shape=[3], strides=[3]))
    hold_to_onnx_runtime(cases, tmp_path)


RESIZES = [
    (5, 2.5, {"mode": "linear", "coordinate_transformation_mode": "align_corners"}),
    (5, 2.5, {"mode": "nearest", "coordinate_transformation_mode": "align_corners"}),
    (9, 0.4, {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}),
    (5, 2.6, {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}),
    (3, 1.3, {"mode": "nearest", "coordinate_transformation_mode": "half_pixel"}),
    (7, 0.5, {"mode": "linear", "antialias": 1}),
    (7, 1.7, {"mode": "cubic", "exclude_outside": 1}),
    (6, 0.3333333432674408, {"mode": "nearest", "coordinate_transformation_mode": "half_pixel_symmetric"}),
]


def test_resizes_are_as_large_as_in_runtimes(tmp_path):
    noise, cases = np.random.default_rng(1), []
    for length, scale, attributes in RESIZES:
        x = noise.standard_normal((1, 2, 3, length)).astype(np.float32)
        scales = np.array([1, 1, 1, scale], np.float32)
        cases.append(node("Resize", x, None, scales, opset=19, constant=(2,), **attributes))
    x = noise.standard_normal((1, 2, 5)).astype(np.float32)
    cases.append(node("Upsample", x, np.array([1, 1, 2.6], np.float32), opset=9, constant=(1,), mode="linear"))
    hold_to_onnx_runtime(cases, tmp_path)


def test_activations_of_cells_take_their_constants_in_turn(tmp_path):
    noise, cases = np.random.default_rng(2), []
    for operator, gates, count in (("RNN", 1, 1), ("GRU", 3, 2), ("LSTM", 4, 3)):
        for name in ("Elu", "ScaledTanh", "HardSigmoid", "LeakyRelu", "Affine", "ThresholdedRelu", "Softsign"):
            for place in range(count):
                names = ["Tanh"] * count
                names[place] = name
                shapes = ((4, 2, 2), (1, gates * 3, 2), (1, gates * 3, 3))
                arrays = [noise.standard_normal(shape).astype(np.float32) for shape in shapes]
                for constants in ({}, {"activation_alpha": [0.3, 0.4], "activation_beta": [0.6, 0.7]}):
                    cases.append(
                        node(
                            operator, *arrays, opset=14, constant=(1, 2), hidden_size=3, activations=names, **constants
                        )
                    )
    hold_to_onnx_runtime(cases, tmp_path, atol=1e-5)


def test_cells_with_weights_that_are_computed(tmp_path):
    noise, cases = np.random.default_rng(3), []
    for operator, gates in (("RNN", 1), ("GRU", 3), ("LSTM", 4)):
        shapes = ((3, 2, 2), (2, gates * 3, 2), (2, gates * 3, 3), (2, 2 * gates * 3))
        arrays = [noise.standard_normal(shape).astype(np.float32) for shape in shapes]
        lengths = np.array([3, 2], np.int32)
        for linear in ({"linear_before_reset": 1}, {}) if operator == "GRU" else ({},):
            options = {"hidden_size": 3, "direction": "bidirectional", **linear}
            cases.append(node(operator, *arrays, opset=14, outputs=2, **options))
            if operator == "LSTM":
                cases.append(
                    node(operator, *arrays, opset=14, outputs=2, constant=(1, 2, 3), input_forget=1, **options)
                )
            cases.append(node(operator, *arrays, lengths, opset=14, outputs=2, constant=(1, 2, 3, 4), **options))
    hold_to_onnx_runtime(cases, tmp_path)


def test_convolutions_with_weights_that_are_computed(tmp_path):
    noise = np.random.default_rng(4)
    x, w = (noise.standard_normal(shape).astype(np.float32) for shape in ((2, 4, 5, 6), (4, 2, 2, 3)))
    b = noise.standard_normal(4).astype(np.float32)
    window = {"strides": [2, 1], "pads": [1, 0, 0, 2], "dilations": [1, 2], "group": 2}
    cases = [node("Conv", x, w, b, **window), node("ConvTranspose", x, w, b, **window)]
    cases.append(node("Conv", x, w, b, constant=(1,), **window))
    hold_to_onnx_runtime(cases, tmp_path)


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_products_of_integers(dtype, tmp_path):
    noise = np.random.default_rng(5)
    a, b = (noise.integers(-9000, 9000, shape).astype(dtype) for shape in ((3, 700), (700, 5)))
    cases = [node("MatMul", a, b), node("MatMul", a, b, constant=(1,))]
    hold_to_onnx_runtime(cases, tmp_path, rtol=0, atol=0)
    # ONNX Runtime has no Gemm of integers
    gemm, _ = node("Gemm", a, b.T.copy(), np.ones(5, dtype), transB=1, alpha=2.0)
    einsum, _ = node("Einsum", a, b, equation="ij,jk->ki")
    compiled = compile_graphs([convert(gemm, name="gemm"), convert(einsum, name="einsum")], tmp_path)
    for ours, operands, right in zip(
        compiled, ((a, b.T, np.ones(5)), (a, b)), (2 * (a @ b) + 1, (a @ b).T), strict=True
    ):
        np.testing.assert_array_equal(ours.run(*operands)[0].reshape(right.shape), right)


def test_a_padding_before_a_convolution_costs_nothing(tmp_path):
    noise = np.random.default_rng(6)
    nodes = [helper.make_node("Pad", ["x", "p"], ["q"]), helper.make_node("Conv", ["q", "w"], ["y"], pads=[1, 0, 0, 1])]
    weights = {"p": np.array([0, 0, 3, 1, 0, 0, 0, 2]), "w": noise.standard_normal((3, 2, 2, 2)).astype(np.float32)}
    graph = helper.make_graph(
        nodes,
        "padded",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, (1, 2, 4, 5))],
        [onnx.ValueInfoProto(name="y")],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    feeds = {"x": noise.standard_normal((1, 2, 4, 5)).astype(np.float32)}
    hold_to_onnx_runtime([(model, feeds)], tmp_path)
    (compiled,) = compile_graphs([convert(model, name="padded")], tmp_path)
    assert {step.label for step in compiled.program.steps} == {
        "conv",
        "copy",
    }  # copies of input and output, whose channels lie outside
    assert max(step.writes[0].size for step in compiled.program.steps if step.writes[0].buffer.kind == "arena") == 168


def test_what_grows_with_every_node_stays_small(tmp_path):
    """Values that are read twice, forty times over."""
    graphs = []
    for operator in ("Add", "Sum", "Concat"):
        count = 20 if operator == "Concat" else 40
        attributes = {"axis": 0} if operator == "Concat" else {}
        nodes = [helper.make_node(operator, [f"v{i}", f"v{i}"], [f"v{i + 1}"], **attributes) for i in range(count)]
        x = helper.make_tensor_value_info("v0", onnx.TensorProto.FLOAT, (1,))
        graph = helper.make_graph(nodes, operator, [x], [onnx.ValueInfoProto(name=f"v{count}")])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        graphs.append(convert(model, name=operator))
    for compiled, right in zip(compile_graphs(graphs, tmp_path), (2.0**40, 2.0**40, 1), strict=True):
        assert len(compiled.source) < 10_000
        (result,) = compiled.run(np.ones(1, np.float32))
        assert (result == right).all()


def test_convolutions_that_onnx_runtime_has_fused(tmp_path):
    noise = np.random.default_rng(0)
    x, w, b, z = (
        noise.standard_normal(shape).astype(np.float32) for shape in ((1, 4, 5, 6), (6, 2, 3, 2), (6,), (1, 6, 5, 6))
    )
    activations = {"Relu": None, "Tanh": None, "Sigmoid": None, "LeakyRelu": [0.3], "Clip": [-0.5, 0.7]}
    activations["HardSigmoid"] = [0.3, 0.4]
    window = {"group": 2, "pads": [1, 1, 1, 0], "domain": "com.microsoft", "constant": (1, 2)}
    cases = []
    for name, numbers in activations.items():
        options = window | {"activation": name} | ({"activation_params": numbers} if numbers else {})
        cases += [node("FusedConv", x, w, **options), node("FusedConv", x, w, b, **options)]
    cases += [node("FusedConv", x, w, b, z, **window), node("FusedConv", x, w, b, z, activation="Relu", **window)]
    hold_to_onnx_runtime(cases, tmp_path)


BYTES = {  # type, shape of the input, of the kernel, dilation, what stays in floats
    "signed": (np.int8, (1, 4, 12, 12), (8, 4, 3, 3), 1, False),
    "unsigned": (np.uint8, (1, 4, 12, 12), (8, 4, 3, 3), 1, False),
    "a kernel of 40 weights": (np.int8, (1, 1, 49, 10), (16, 1, 10, 4), 1, False),
    "a kernel of 36 rows": (np.int8, (1, 2, 40, 6), (3, 2, 36, 3), 1, True),
    "a kernel of 36 parts": (np.uint8, (1, 2, 20, 20), (3, 2, 6, 6), 2, True),
}


@pytest.mark.parametrize("case", BYTES)
def test_inputs_in_bytes_meet_weights_in_bytes(case, tmp_path):
    """A convolution of integers that are inputs; a sum half between two steps may be rounded to either."""
    dtype, shape, kernel, dilation, is_in_floats = BYTES[case]
    random, limits = np.random.default_rng(0), np.iinfo(dtype)
    x = random.integers(limits.min, limits.max + 1, shape).astype(dtype)
    # ONNX Runtime adds two products of bytes without sign in 16 bits where the processor has no VNNI
    most = 63 if dtype == np.uint8 else 127
    weights = random.integers(-most, most + 1, kernel).astype(np.int8)
    bias = random.integers(-5000, 5000, kernel[0]).astype(np.int32)
    zero, zero_out = dtype(limits.max // 2 - 7), dtype(limits.max // 2 - 27)
    numbers = (np.float32(0.02), zero, weights, np.float32(0.003), np.int8(0), np.float32(0.04), zero_out, bias)
    options = {"pads": [1, 1, 1, 1], "dilations": [dilation, dilation]}
    model, feeds = node("QLinearConv", x, *numbers, constant=range(1, 9), **options)
    graph = convert(model, name="bytes")
    (compiled,) = compile_graphs([graph], tmp_path)
    in_integers = [n.operator for n in graph.nodes if n.get("quantization")]
    assert in_integers == ([] if is_in_floats else ["Conv"])
    (right,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, feeds)
    steps = np.abs(compiled.run(x)[0].reshape(right.shape).astype(int) - right)
    assert (steps == 0).mean() > 0.999 and steps.max() <= 1
