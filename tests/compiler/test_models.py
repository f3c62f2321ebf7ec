"""Networks exported by torch, compiled, against ONNX Runtime frame by frame with carried states."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from support.compiled_graphs import QUICK, VECTORS, Compiled, compile_graphs
from support.small_networks import QUICKLY_EXPORTED, small_network
from support.speech_networks import NETWORKS, exported, seeded
from support.step_models import metadata

from undin.compiler.ir.operators import PRODUCTS
from undin.compiler.ir.program import Recurrence
from undin.compiler.ir.reader import convert, read_graph
from undin.compiler.session import reference_session
from undin.nn.export import export

FRAMES = 10
OF_UNDIN = [f"undin of {name}" for name in QUICKLY_EXPORTED]


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, onnx.ModelProto]:
    """Networks as others write them, and undin's own at small sizes."""
    found = {name: onnx.load_from_string(exported(seeded(network))) for name, network in NETWORKS.items()}
    folder = tmp_path_factory.mktemp("exported")
    for title, name in zip(OF_UNDIN, QUICKLY_EXPORTED, strict=True):
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


def frames_of(oracle: onnxruntime.InferenceSession) -> Iterator[dict[str, np.ndarray]]:
    """Inputs of each frame in turn: noise, and the states that ONNX Runtime made of it."""
    noise, states = np.random.default_rng(0), [np.zeros(item.shape, np.float32) for item in oracle.get_inputs()[1:]]
    names, shape = [item.name for item in oracle.get_inputs()], oracle.get_inputs()[0].shape
    for _ in range(FRAMES):
        yield (feeds := dict(zip(names, [noise.standard_normal(shape, np.float32), *states], strict=True)))
        _, *states = oracle.run(None, feeds)


class Frames(CalibrationDataReader):
    """The same for quantisation, which finds ranges by them."""

    def __init__(self, path: Path):
        self.frames = frames_of(reference_session(str(path)))

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.frames, None)


@pytest.mark.parametrize(
    ("name", "kind", "per_channel", "form"),
    [
        ("ConvGRU", QuantType.QInt8, True, QuantFormat.QDQ),
        ("UpDown", QuantType.QUInt8, False, QuantFormat.QDQ),
        ("ConvGRU", QuantType.QUInt8, False, QuantFormat.QOperator),
    ],
)
def test_what_onnx_runtime_quantised_stays_with_it(name, kind, per_channel, form, models, tmp_path):
    """Integers around every product, whose weights stay in them, whatever their scales and zero points."""
    path, quantised = tmp_path / "exported.onnx", tmp_path / "quantised.onnx"
    onnx.save(models[name], path)
    options = {"activation_type": kind, "weight_type": kind, "per_channel": per_channel}
    quantize_static(path, quantised, Frames(path), quant_format=form, **options)
    graph = read_graph(quantised)
    (compiled,) = compile_graphs([graph], tmp_path)
    in_integers = {node.name for node in graph.nodes if node.get("quantization")}
    assert in_integers == {node.name for node in graph.nodes if node.operator in PRODUCTS}
    oracle = reference_session(str(quantised), as_written=True)
    for feeds in frames_of(oracle):
        for ours, theirs in zip(compiled.run(*feeds.values()), oracle.run(None, feeds), strict=True):
            error = np.abs(ours.reshape(theirs.shape) - theirs)
            # A sum in another order may now and then round to the next step.
            assert (error < 1e-5).mean() > 0.95 and error.max() < 0.1


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


def test_grouped_cells_step_side_by_side(compiled):
    """The GRUs of a group, both ways along the bands, do not wait for each other."""
    recurrences = [step for step in compiled["GroupedNetwork"].program.steps if isinstance(step, Recurrence)]
    assert [len(step.runs) for step in recurrences if step.count > 1] == [4, 4]
