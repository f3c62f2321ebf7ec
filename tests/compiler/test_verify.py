"""The check of compiled code: silent where all is well, and right about what is wrong."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from support import small_step

from undin.compiler.lower import pointwise
from undin.compiler.pipeline import translate
from undin.compiler.toolchain.build import build
from undin.compiler.toolchain.cache import this_machine
from undin.compiler.toolchain.targets import TARGETS, Variant
from undin.compiler.verify import TOLERANCE, Verification, verify

ONE_VARIANT = replace(TARGETS["native"], variants=(Variant(),))
"""This machine, without a choice of instructions: quicker to compile."""


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return small_step.save(tmp_path_factory.mktemp("model"))


def tensor(name: str, *shape: int, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def save(path: Path, nodes: list, inputs: list, outputs: list) -> Path:
    """A model that is not undin's."""
    graph = helper.make_graph(nodes, "foreign", inputs, outputs)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_a_thousand_frames_of_noise_and_of_speech_agree(model, tmp_path, noisy_speech):
    source = translate(model)
    library = build(source, tmp_path, target=this_machine())
    report = verify(model, source, library)
    assert (report.frames, report.output, report.tensor) == (1000, None, None)
    assert 0 < report.error < TOLERANCE / 10
    report = verify(model, source, library, samples=noisy_speech[: 500 * small_step.HOP + 3])
    assert (report.frames, report.output) == (500, None)


def test_the_first_tensor_that_differs_is_named(model, tmp_path, monkeypatch):
    monkeypatch.setitem(pointwise.EXPRESSIONS, "Log", "(1.01f * undin_log({0}))")
    source = translate(model)
    report = verify(model, source, build(source, tmp_path, target=ONE_VARIANT), frames=20)
    logarithm = next(node.output[0] for node in onnx.load(str(model)).graph.node if node.op_type == "Log")
    assert report.output.frame == 0
    assert report.output.tensor in ("enhanced", "next_state")
    assert (report.tensor.tensor, report.tensor.frame) == (logarithm, 0)
    assert report.tensor.error == pytest.approx(0.01, rel=0.5)


def test_a_state_that_is_lost_shows_in_a_later_frame(tmp_path, monkeypatch):
    # count' = count + 1, y = x * max(3 - count, 0): without the state y stays 3 x
    nodes = [
        helper.make_node("Constant", [], ["one"], value_float=1.0),
        helper.make_node("Constant", [], ["three"], value_float=3.0),
        helper.make_node("Add", ["count", "one"], ["next_count"]),
        helper.make_node("Sub", ["three", "count"], ["left"]),
        helper.make_node("Relu", ["left"], ["gain"]),
        helper.make_node("Mul", ["x", "gain"], ["y"]),
    ]
    inputs, outputs = [tensor("x", 1, 4), tensor("count", 1, 1)], [tensor("y", 1, 4), tensor("next_count", 1, 1)]
    path = save(tmp_path / "counting.onnx", nodes, inputs, outputs)
    source = translate(path)
    assert verify(path, source, build(source, tmp_path / "right", target=ONE_VARIANT), frames=6).output is None
    monkeypatch.setitem(pointwise.EXPRESSIONS, "Relu", "undin_relu(2 < {0} ? {0} : 2)")
    source = translate(path)
    report = verify(path, source, build(source, tmp_path / "wrong", target=ONE_VARIANT), frames=6)
    assert (report.output.tensor, report.output.frame) == ("y", 2)
    assert (report.tensor.tensor, report.tensor.frame) == ("gain", 2)


def test_audio_is_for_models_of_undin(model, tmp_path):
    path = save(
        tmp_path / "foreign.onnx",
        [helper.make_node("Neg", ["x"], ["y"])],
        [tensor("x", 4)],
        [tensor("y", 4)],
    )
    source = translate(path)
    library = build(source, tmp_path, target=ONE_VARIANT)
    with pytest.raises(ValueError, match="foreign is no model of undin"):
        verify(path, source, library, samples=np.zeros(100, np.float32))


def in_steps(path: Path) -> Path:
    """s' = s / 2 + round(x w), with steps of x, w and the result as files of integers have them."""
    weights = np.random.default_rng(0).integers(-127, 128, (8, 8)).astype(np.float32) * np.float32(0.01)
    arrays = {"w": weights, "a": np.float32(0.031), "b": np.float32(0.23), "zero": np.int8(3), "half": np.float32(0.5)}
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "a", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "a", "zero"], ["rounded"]),
        helper.make_node("MatMul", ["rounded", "w"], ["product"]),
        helper.make_node("QuantizeLinear", ["product", "b", "zero"], ["r"]),
        helper.make_node("DequantizeLinear", ["r", "b", "zero"], ["y"]),
        helper.make_node("Mul", ["state", "half"], ["old"]),
        helper.make_node("Add", ["old", "y"], ["next_state"]),
    ]
    inputs, outputs = [tensor("x", 1, 8), tensor("state", 1, 8)], [tensor("y", 1, 8), tensor("next_state", 1, 8)]
    constants = [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "steps", inputs, outputs, constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_integers_may_round_to_the_next_step_but_seldom(tmp_path, monkeypatch):
    path = in_steps(tmp_path / "steps.onnx")

    def report(name: str, expression: str | None = None) -> Verification:
        if expression:
            monkeypatch.setitem(pointwise.EXPRESSIONS, "Round", expression)
        source = translate(path)
        return verify(path, source, build(source, tmp_path / name, target=ONE_VARIANT), frames=300)

    assert report("right").output is None
    seldom = report("seldom", "(undin_round({0}) + ({0} > 5.0f && {0} < 5.05f))")
    assert seldom.output is None and 0 < seldom.rounded < 0.02 and seldom.error > TOLERANCE
    assert report("far", "(undin_round({0}) - 20 * ({0} > 5.0f && {0} < 5.05f))").output.tensor == "y"
    assert report("often", "undin_floor({0})").output.tensor == "y"
