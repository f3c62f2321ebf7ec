"""`undin bench` measures models: its numbers fit each other, and both engines do the work that is told."""

import json
from importlib.util import find_spec

import numpy as np
import onnx
import pytest
import soundfile
from onnx import helper, numpy_helper
from support import small_step

from undin import load
from undin.bench.loops import Loops
from undin.bench.memory import StepMemory
from undin.bench.reference import OrtStep
from undin.bench.subject import Subject
from undin.cli import main
from undin.compiler.ir.reader import read_graph
from undin.compiler.toolchain.targets import TARGETS

LEAST = TARGETS["native"].variants[0].suffix.removeprefix("_")
"""Instructions that every machine of this kind has; empty where code has no variants."""


@pytest.fixture
def foreign(tmp_path):
    """A network that is not undin's: a running sum of a product, 3 numbers in and 5 out."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["product"]),
        helper.make_node("Add", ["product", "sum"], ["next_sum"]),
        helper.make_node("Tanh", ["next_sum"], ["y"]),
    ]

    def tensor(name: str, size: int):
        return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, size])

    weights = numpy_helper.from_array(np.eye(3, 5, dtype=np.float32), "w")
    inputs, outputs = [tensor("x", 3), tensor("sum", 5)], [tensor("y", 5), tensor("next_sum", 5)]
    graph = helper.make_graph(nodes, "sum", inputs, outputs, [weights])
    path = tmp_path / "running-sum.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def measured(capsys, *arguments: str) -> dict:
    assert main(["bench", "--json", "--seconds", "0.2", *arguments]) == 0
    (result,) = json.loads(capsys.readouterr().out)
    return result


def test_in_integers(foreign, tmp_path, capsys):
    small = str(small_step.save(tmp_path))
    soundfile.write(tmp_path / "noise.wav", np.random.default_rng(0).normal(0, 0.1, 16_000), 16_000)
    variant = ("--variant", LEAST) if LEAST else ()
    assert measured(capsys, small, "--int8", str(tmp_path), *variant)["onnxruntime_ratio"] > 0
    assert main(["bench", str(foreign), "--int8", str(tmp_path)]) == 1
    assert "no model of undin" in capsys.readouterr().err


def test_numbers_of_a_shipped_model_fit_each_other(capsys):
    result, about = measured(capsys, "undin-tiny"), load("undin-tiny").metadata
    assert (result["name"], result["parameters"]) == ("undin-tiny", about.parameters)
    assert result["macs_per_second"] == about.macs_per_second
    step, hop = result["step_us"], result["hop_us"]
    for times in (step, hop):
        assert 0 < times["minimum"] <= times["median"] <= times["p99"]
    assert hop["minimum"] > 0.9 * step["minimum"]  # the rest is a few percent
    hop_seconds = about.hop / about.sample_rate
    assert result["real_time_factor"] == pytest.approx(1e-6 * hop["median"] / hop_seconds)
    assert result["streams_per_core"] == int(1 / result["real_time_factor"])
    assert result["gmacs_per_second"] == pytest.approx(1e-3 * result["macs_per_step"] / step["median"])
    assert 1 < result["percent_of_peak"] <= 100
    assert result["gmacs_per_second"] < result["peak_gmacs_per_second"] < 1000
    assert result["arena_bytes"] > 0 and result["state_bytes"] > 4 * about.state_size
    if find_spec("onnxruntime"):
        assert result["onnxruntime_ratio"] > 1
        assert result["onnxruntime_us"]["minimum"] > step["minimum"]


def test_foreign_model_has_a_step_alone(foreign, capsys):
    result = measured(capsys, str(foreign), *(["--variant", LEAST] if LEAST else []))
    assert result["variant"] == LEAST
    assert (result["macs_per_step"], result["parameters"], result["state_bytes"]) == (15, 15, 20)
    assert result["hop_us"] is result["real_time_factor"] is result["macs_per_second"] is None
    assert main(["bench", str(foreign), "--seconds", "0.01"]) == 0
    assert "\nhop, µs " in capsys.readouterr().out


def test_both_engines_run_every_frame_on_the_state_of_the_last(foreign):
    graph, frames = read_graph(foreign), 4
    loops = Loops([len(graph.inputs) + len(graph.outputs) + 1], variant=LEAST or None)
    theirs = StepMemory(graph, frames)
    subject = Subject(graph, loops.variant, block=frames)
    ours, step = subject.step.memory[0], OrtStep(foreign, theirs, frames)
    for _ in range(3):
        assert loops.time_us(subject.step, frames).min() > 0
        assert step.time_us().min() > 0
    for memory in (ours, theirs):
        expected = np.zeros(5, np.float32)
        expected[:3] = 3 * memory.signal.sum(axis=0)
        np.testing.assert_allclose(memory.arrays["sum"][0], expected, rtol=1e-5)
        np.testing.assert_allclose(memory.arrays["y"][0], np.tanh(expected), rtol=1e-5)


def test_refusal_is_one_sentence(tmp_path, capsys):
    path = tmp_path / "missing.onnx"
    assert main(["bench", str(path)]) == 1
    assert capsys.readouterr().err == f"undin: error: there is no model file {path}\n"
