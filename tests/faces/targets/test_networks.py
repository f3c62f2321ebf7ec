"""Networks of others on every kind of processor: steps that carry their state, against ONNX Runtime."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
from support.emulators import Steps, run_in_node, run_on_board, run_on_linux
from support.product_checks import built
from support.speech_networks import NETWORKS, exported, seeded

from undin.compiler.ir.reader import read_graph
from undin.compiler.pipeline import translate
from undin.compiler.session import CompiledSession, Session, reference_step

FRAMES = 12
MODELS = ("Detector", "PaddedEncoder", "ConvGRU in QDQ", "PaddedEncoder in QDQ")
"""The second has depthwise and grouped convolutions."""
TARGETS = ("native", "linux-aarch64", "wasm32", "cortex-m7")


class Frames(CalibrationDataReader):
    """Noise, and states that are not fresh."""

    def __init__(self, path: Path):
        random = np.random.default_rng(1)
        inputs = read_graph(path).inputs
        self.frames = ({v.name: random.standard_normal(v.shape, np.float32) for v in inputs} for _ in range(FRAMES))

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.frames, None)


@pytest.fixture(scope="module", params=MODELS)
def model(request, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("model") / "network.onnx"
    name, _, form = request.param.partition(" in ")
    onnx.save(onnx.load_from_string(exported(seeded(NETWORKS[name]))), path)
    if not form:
        return path
    quantised = path.with_name("quantised.onnx")
    quantize_static(path, quantised, Frames(path), quant_format=QuantFormat.QDQ, per_channel=True)
    return quantised


@pytest.fixture(scope="module")
def frames(model) -> np.ndarray:
    (x, *_) = read_graph(model).inputs
    frames = np.random.default_rng(0).standard_normal((FRAMES, *x.shape), np.float32)
    frames[::3] *= 0.3  # both branches of a detector
    return frames


@pytest.fixture(scope="module")
def natively(model, frames, tmp_path_factory) -> np.ndarray:
    """What the steps return on this machine."""
    source = translate(read_graph(model))
    session = CompiledSession(
        built(source, tmp_path_factory.mktemp("native"), "native", "gcc"), source, read_graph(model)
    )
    return np.array([session.run({"x": frame})["y"] for frame in frames])


@pytest.mark.parametrize("target", TARGETS)
def test_steps_are_as_in_onnx_runtime(model, frames, natively, tmp_path, target):
    graph = read_graph(model)
    source = translate(read_graph(model))
    steps = Steps(graph.inputs[0].size, graph.outputs[0].size, source.state_bytes)
    product = None if target == "native" else built(source, tmp_path, target, "zig")
    if target == "native":
        outputs = natively
    elif target == "wasm32":
        outputs = run_in_node(product, frames, blocks=steps)
    elif target == "cortex-m7":
        in_bytes = "quantised" in model.name
        outputs, _ = run_on_board(product, target, "zig", frames, blocks=steps, may_be_unaligned=in_bytes)
    else:
        outputs = run_on_linux(product, target, frames, blocks=steps)
    reference = Session(reference_step(str(model), as_written=True), graph.inputs, graph.states)
    expected = np.array([reference.run({"x": frame})["y"] for frame in frames])
    assert np.ptp(expected) > 0.01
    if "quantised" in model.name:
        np.testing.assert_array_equal(np.reshape(outputs, expected.shape), natively)
    # A value that QDQ rounds to its other neighbour is a step of its scale.
    allowed = 0.02 if "quantised" in model.name else 1e-5
    np.testing.assert_allclose(np.reshape(outputs, expected.shape), expected, atol=allowed * np.abs(expected).max())
