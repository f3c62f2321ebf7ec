"""An If whose condition comes with the data: both branches are there, and only one runs."""

import re

import numpy as np
import onnx.parser
import onnxruntime
import pytest
from support.compiled_graphs import compile_graphs

from undin.compiler.ir.reader import convert

HEADER = '<ir_version: 8, opset_import: ["" : 17]>\n'

NESTED = """
    nested (float[4, 4] x, bool first, bool[1] second) => (float[4, 4] y, float[4] z) {
        before = Softmax(x)
        y, z = If (first) <
            then_branch = a () => (float[4, 4] t, float[4] u) {
                square = MatMul(x, before)
                t = If (second) <
                    then_branch = c () => (float[4, 4] v) { w = MatMul(square, square) v = Tanh(w) },
                    else_branch = d () => (float[4, 4] v2) { v2 = Softmax(square) }
                >
                u = ReduceMax <axes = [0], keepdims = 0> (square)
            },
            else_branch = b () => (float[4, 4] t2, float[4] u2) {
                t2 = Exp(x)
                u2 = ReduceMin <axes = [0], keepdims = 0> (t2)
            }
        >
    }"""

COMPUTED = """
    computed (float[1, 8] x, int64[2] at, float[8, 3] weights) => (float[2, 3] y) <float[1] half = {0.5}> {
        level = ReduceMax <keepdims = 0> (x)
        loud = Greater(level, half)
        y = If (loud) <
            then_branch = a () => (float[2, 3] t) { t = Gather(weights, at) },
            else_branch = b () => (float[2, 3] u) { shifted = Neg(weights) u = Gather(shifted, at) }
        >
    }"""


def compiled(text: str, tmp_path):
    model = onnx.parser.parse_model(HEADER + text)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (ours,) = compile_graphs([convert(model, name=model.graph.name)], tmp_path)
    return ours, session


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("second", [False, True])
def test_nested_branches_are_as_in_onnx_runtime(first, second, tmp_path):
    ours, session = compiled(NESTED, tmp_path)
    x = np.random.default_rng(0).standard_normal((4, 4)).astype(np.float32)
    feeds = {"x": x, "first": np.array(first), "second": np.array([second])}
    for result, right in zip(ours.run(*feeds.values()), session.run(None, feeds), strict=True):
        np.testing.assert_allclose(result.reshape(right.shape), right, atol=1e-5)


def test_what_one_branch_needs_runs_for_it_alone(tmp_path):
    ours, _ = compiled(NESTED, tmp_path)
    guards = {re.match(r"\w+", step.comment)[0]: len(step.guard) for step in ours.program.steps}
    products = [step for step in ours.program.steps if step.label == "matmul"]
    assert [len(step.guard) for step in products] == [1, 2], guards
    assert [wanted for _, wanted in products[1].guard] == [True, True]
    body = ours.source[ours.source.index("UNDIN_PUBLIC(run)") :]
    assert re.search(r"if \(\*\(tensor_first\) && \*\(tensor_second\)\) \{\n +/\* \w+ \(MatMul\)", body)


def test_a_condition_that_is_computed(tmp_path):
    ours, session = compiled(COMPUTED, tmp_path)
    random = np.random.default_rng(0)
    for level in (0.1, 1.0):
        feeds = {
            "x": np.full((1, 8), level, np.float32),
            "at": np.array([7, 2]),
            "weights": random.standard_normal((8, 3)).astype(np.float32),
        }
        (result,), (right,) = ours.run(*feeds.values()), session.run(None, feeds)
        np.testing.assert_array_equal(result.reshape(right.shape), right)
    assert any(step.guard for step in ours.program.steps)
