"""The check of compiled code: silent where all is well, and right about what is wrong."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from support import small_step

from undin.compiler.lower import pointwise
from undin.compiler.pipeline import translate
from undin.compiler.toolchain.build import build
from undin.compiler.toolchain.targets import TARGETS, Variant
from undin.compiler.verify import TOLERANCE, verify

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
    library = build(source, tmp_path)
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
