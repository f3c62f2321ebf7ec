"""ONNX's own tests for the operators that the compiler promises, all compiled into one library.

They are the node tests, and the small models that torch once exported.

What the tests give as inputs but networks have as constants (weights, axes, shapes, pads) becomes constant first. The
tests of Einsum, all of float64, run in float32.
"""

import copy
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper
from support.compiled_graphs import compile_graphs

from undin.compiler.ir.check import check
from undin.compiler.ir.graph import Graph, Unsupported
from undin.compiler.ir.reader import convert
from undin.compiler.pipeline import program_of

PROMISED = set(
    """
    Conv ConvTranspose MatMul Gemm BatchNormalization LayerNormalization InstanceNormalization GroupNormalization LSTM
    GRU RNN PRelu Relu LeakyRelu Elu Sigmoid HardSigmoid Tanh Softmax Exp Log Sqrt Pow Abs Clip Add Sub Mul Div Neg
    Reciprocal Min Max ReduceMean ReduceSum ReduceL2 AveragePool GlobalAveragePool MaxPool Pad Concat Split Slice Gather
    GatherElements ScatterND Expand Tile Squeeze Unsqueeze Reshape Flatten Transpose DepthToSpace Resize Where Equal
    Greater Less And Or Not Cast Shape ConstantOfShape Einsum Identity Dropout QuantizeLinear DequantizeLinear
    """.split()
)
ALSO_KNOWN = set(
    """
    Acos ArgMax ArgMin Asin Atan CastLike Ceil Celu CenterCropPad Constant ConvInteger Cos CumSum DFT
    DynamicQuantizeLinear Erf Floor GatherND Gelu GlobalMaxPool GreaterOrEqual Hardmax HardSwish IsInf IsNaN LessOrEqual
    LogSoftmax LpNormalization MatMulInteger Mean Mish Mod OneHot QLinearConv QLinearMatMul RMSNormalization ReduceL1
    ReduceLogSum ReduceLogSumExp ReduceMax ReduceMin ReduceProd ReduceSumSquare Round STFT Scan ScatterElements Selu
    Sign Sin Size Softplus Softsign SpaceToDepth Sum Tan ThresholdedRelu TopK Trilu Upsample Xor
    """.split()
)
TYPES = {
    TensorProto.FLOAT,
    TensorProto.INT64,
    TensorProto.INT32,
    TensorProto.BOOL,
    TensorProto.INT8,
    TensorProto.UINT8,
}

KINDS = ("pytorch-converted", "pytorch-operator")
"""Kept in files: what torch exported when opset 6 was new."""

CONSTANT_INPUTS = {
    "BatchNormalization": (1, 2, 3, 4),
    "ConstantOfShape": (0,),
    "Conv": (1, 2),
    "ConvTranspose": (1, 2),
    "CumSum": (1,),
    "DFT": (1, 2),
    "DequantizeLinear": (1, 2),
    "Dropout": (1, 2),
    "Expand": (1,),
    "GRU": (1, 2, 3, 4),
    "LSTM": (1, 2, 3, 4, 7),
    "OneHot": (1,),
    "Pad": (1, 2, 3),
    "QuantizeLinear": (1, 2),
    "RNN": (1, 2, 3, 4),
    **{f"Reduce{kind}": (1,) for kind in ("L1", "LogSum", "LogSumExp", "Prod", "SumSquare")},
    "ReduceL2": (1,),
    "ReduceMax": (1,),
    "ReduceMean": (1,),
    "ReduceMin": (1,),
    "ReduceSum": (1,),
    "Reshape": (1,),
    "Resize": (1, 2, 3),
    "STFT": (1, 3),
    "ScatterElements": (1,),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "Squeeze": (1,),
    "Tile": (1,),
    "TopK": (1,),
    "Trilu": (1,),
    "Unsqueeze": (1,),
    "Upsample": (1,),
}
"""What must be known at compile time: the operator and its inputs."""

CONSTANT_BY_NAME = {"test_center_crop_pad": ("shape",)}
"""Inputs that only become a shape after some arithmetic: how the test's name begins, and theirs."""

REFUSED = {
    "test_batchnorm_epsilon_training_mode": "training mode",
    "test_batchnorm_example_training_mode": "training mode",
    "test_mod_float32_mixed_sign_fmod_0": "fmod = 1 only",
    "test_mod_float_edge_cases_fmod_0_float32": "fmod = 1 only",
    "test_scan_sum": "before opset 9 it had a batch",
    "test_training_dropout": "training mode",
    "test_training_dropout_default": "training mode",
    "test_training_dropout_default_mask": "training mode",
    "test_training_dropout_mask": "training mode",
}
"""Tests that cannot pass, and a part of the sentence that says why."""

AS_IN_RUNTIMES = {
    "test_resize_downsample_scales_cubic_align_corners",
    "test_resize_downsample_scales_linear_align_corners",
}
"""Tests that ONNX Runtime does not pass: it divides by the true length less one, and so do we."""

REFUSAL = re.compile(r"cannot compile \w+ '[^']+' of .*: .+|(axis \d+ of )?input '[^']+' (is|has) .+")
"""One line that names the node, its operator and its shapes, or the input."""

RTOL, ATOL = 1e-3, 1e-6  # the first is ONNX's own; its atol of 1e-7 is less than the rounding of a sum of float32


@dataclass
class Case:
    """A test whose constants are constants."""

    name: str
    model: onnx.ModelProto
    inputs: list[np.ndarray]
    outputs: list[np.ndarray]

    @property
    def graph(self) -> Graph:
        return convert(self.model, name=self.name)


@pytest.fixture(scope="module")
def tests() -> dict[str, tuple[onnx.ModelProto, list]]:
    """Model, and inputs and outputs, of all tests."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # overflows that the tests mean to have
        from onnx.backend.test.loader import load_model_tests

        tests = {test.name: (test.model, test.data_sets) for test in load_model_tests(kind="node")}
        exported = [test for kind in KINDS for test in load_model_tests(kind=kind)]
    return tests | {test.name: (onnx.load(f"{test.model_dir}/model.onnx"), stored(test.model_dir)) for test in exported}


@pytest.fixture(scope="module")
def cases(tests) -> list[Case]:
    """The tests of the known operators and types."""
    return [
        case_of(name, model, *data_set)
        for name, (model, data_sets) in tests.items()
        if is_promised(model.graph)
        for data_set in data_sets
    ]


def stored(folder: str) -> list[tuple[list[np.ndarray], list[np.ndarray]]]:
    """Inputs and outputs of a test that is kept in files."""

    def arrays(data_set: Path, what: str) -> list[np.ndarray]:
        paths = sorted(data_set.glob(f"{what}_*.pb"), key=lambda path: int(path.stem.split("_")[1]))
        return [numpy_helper.to_array(onnx.load_tensor(path)) for path in paths]

    return [(arrays(path, "input"), arrays(path, "output")) for path in sorted(Path(folder).glob("test_data_set_*"))]


def is_promised(graph: onnx.GraphProto) -> bool:
    types = {info.type.tensor_type.elem_type for info in (*graph.input, *graph.output)}
    operators = {node.op_type for node in graph.node}
    known = TYPES | {TensorProto.DOUBLE} if operators == {"Einsum"} else TYPES
    return operators <= PROMISED | ALSO_KNOWN and types <= known


def case_of(name: str, model: onnx.ModelProto, inputs: list, outputs: list) -> Case:
    model = copy.deepcopy(model)
    graph = model.graph
    for info in (*graph.input, *graph.output):
        if info.type.tensor_type.elem_type == TensorProto.DOUBLE:
            info.type.tensor_type.elem_type = TensorProto.FLOAT
    known = {initializer.name for initializer in graph.initializer}
    infos = [info for info in graph.input if info.name not in known]
    arrays = {info.name: single(array) for info, array in zip(infos, inputs, strict=True)}
    constants = {
        name
        for node in graph.node
        for index in CONSTANT_INPUTS.get(node.op_type, ())
        for name in node.input[index : index + 1]
    }
    for prefix, names in CONSTANT_BY_NAME.items():
        constants.update(names if name.startswith(prefix) else ())
    for info in [info for info in infos if info.name in constants]:
        graph.initializer.append(numpy_helper.from_array(arrays.pop(info.name), info.name))
        graph.input.remove(info)
    return Case(name, model, list(arrays.values()), [single(array) for array in outputs])


def single(array) -> np.ndarray:
    array = np.asarray(array)
    return array.astype(np.float32) if array.dtype == np.float64 else array


def test_every_test_passes(cases, tmp_path, record_property):
    runnable = [case for case in cases if case.name not in {*REFUSED, *AS_IN_RUNTIMES}]
    failures = {}
    for case, compiled in zip(runnable, compile_graphs([case.graph for case in runnable], tmp_path), strict=True):
        try:
            for result, expected in zip(compiled.run(*case.inputs), case.outputs, strict=True):
                assert result.dtype == expected.dtype
                np.testing.assert_allclose(result.reshape(expected.shape), expected, rtol=RTOL, atol=ATOL)
        except AssertionError as error:
            failures[case.name] = " ".join(str(error).split())
    summary = f"{len(runnable) - len(failures)} of {len(cases)} tests pass, {len(REFUSED)} are refused as they must"
    record_property("conformance", summary)
    print(summary)
    assert not failures, f"{summary}: {failures}"
    assert len(runnable) > 1000  # of the version of ONNX at hand; fewer would mean that the tests were not found


def test_all_others_compile_or_are_refused_in_a_sentence(tests):
    """Other operators and types, and what is known but depends on values: never an error from inside."""
    failures, refused = {}, 0
    for name, (model, _) in tests.items():
        if is_promised(model.graph):
            continue
        try:
            program_of(convert(model, name=name), watch=check)
        except ValueError as error:
            refused += 1
            if not REFUSAL.fullmatch(str(error)):
                failures[name] = str(error)
        except Exception as error:
            failures[name] = repr(error)
    assert not failures
    assert refused > 500


def test_every_promised_operator_is_tested(cases):
    seen = {node.op_type for case in cases for node in case.model.graph.node}
    assert seen >= PROMISED


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_pass_is_refused(cases, name):
    (case,) = [case for case in cases if case.name == name]
    with pytest.raises(Unsupported, match=REFUSED[name]):
        program_of(case.graph, watch=check)
