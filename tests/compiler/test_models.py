"""Networks exported by torch, compiled, against ONNX Runtime frame by frame with carried states."""

import numpy as np
import onnx
import onnxruntime
import pytest
from compiler.compiled_graphs import VECTORS, Compiled, compile_graphs
from compiler.speech_networks import NETWORKS, exported, seeded

from undin.compiler.graph import convert

FRAMES = 20


@pytest.fixture(scope="module")
def models() -> dict[str, onnx.ModelProto]:
    return {name: onnx.load_from_string(exported(seeded(network))) for name, network in NETWORKS.items()}


@pytest.fixture(scope="module")
def compiled(models, tmp_path_factory) -> dict[str, Compiled]:
    graphs = [convert(model, name=name) for name, model in models.items()]
    folder = tmp_path_factory.mktemp("models")
    return dict(zip(models, compile_graphs(graphs, folder, flags=VECTORS), strict=True))


def assert_same_frames(model: onnx.ModelProto, compiled: Compiled) -> None:
    """Both run on noise, each with its own states, and stay together."""
    oracle = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    shapes = [tuple(item.shape) for item in oracle.get_inputs()]
    names = [item.name for item in oracle.get_inputs()]
    noise = np.random.default_rng(0)
    ours = theirs = [np.zeros(shape, np.float32) for shape in shapes[1:]]
    for _ in range(FRAMES):
        x = noise.standard_normal(shapes[0], np.float32)
        expected, *theirs = oracle.run(None, dict(zip(names, [x, *theirs], strict=True)))
        result, *ours = compiled.run(x, *ours)
        for ours_now, theirs_now in zip([result, *ours], [expected, *theirs], strict=True):
            np.testing.assert_allclose(ours_now.reshape(theirs_now.shape), theirs_now, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_exported_networks_stay_with_onnx_runtime(models, compiled, name):
    assert_same_frames(models[name], compiled[name])
