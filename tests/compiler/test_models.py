"""Networks exported by torch, compiled, against ONNX Runtime frame by frame with carried states."""

import numpy as np
import onnx
import onnxruntime
import pytest
from compiler.compiled_graphs import QUICK, VECTORS, Compiled, compile_graphs
from compiler.speech_networks import NETWORKS, exported, seeded
from small_networks import SMALL_NETWORKS, small_network
from step_models import metadata

from undin.compiler.graph import convert
from undin.nn.export import export

FRAMES = 10
OF_UNDIN = [f"undin of {name}" for name in SMALL_NETWORKS]


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, onnx.ModelProto]:
    """Networks as others write them, and undin's own at small sizes."""
    found = {name: onnx.load_from_string(exported(seeded(network))) for name, network in NETWORKS.items()}
    folder = tmp_path_factory.mktemp("exported")
    for title, name in zip(OF_UNDIN, SMALL_NETWORKS, strict=True):
        network, path = small_network(name), folder / f"{name}.onnx"
        export(network, metadata(name=name, state_size=network.state_size), path)
        found[title] = onnx.load(path)
    return found


@pytest.fixture(scope="module")
def compiled(models, tmp_path_factory) -> dict[str, Compiled]:
    """Small networks with vector kernels, which every call compiles anew; those of many layers without."""
    found = {}
    large = ["GroupedNetwork", *OF_UNDIN]
    for names, flags in (([name for name in NETWORKS if name not in large], VECTORS), (large, QUICK)):
        graphs = [convert(models[name], name=name) for name in names]
        folder = tmp_path_factory.mktemp("compiled")
        found |= zip(names, compile_graphs(graphs, folder, flags=flags), strict=True)
    return found


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


@pytest.mark.parametrize("name", [*NETWORKS, *OF_UNDIN])
def test_exported_networks_stay_with_onnx_runtime(models, compiled, name):
    assert_same_frames(models[name], compiled[name])


def test_caches_become_views(compiled):
    """A network of hundreds of nodes that move data copies little more than its states and what is padded."""
    program = compiled["GroupedNetwork"].program
    copies = [step for step in program.steps if step.label == "copy"]
    assert not [step for step in program.steps if step.label == "gather"]
    assert len(program.steps) < 170 and len(copies) < 45
    moved = sum(step.writes[0].size for step in copies)
    states = sum(buffer.size for buffer in list(program.outputs.values())[1:])
    assert moved < 2.5 * states
