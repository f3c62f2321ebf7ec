"""Step models too simple to be wrong, for tests that must not wait for training: ONNX files with complete metadata.

Each is what `undin export` makes, in every respect but the network: inputs `spec` (1, 1, F, 2) and `state` (1, S),
outputs `enhanced` and `next_state`. `save` writes one; the functions below it say what it does to a spectrum.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from undin.model.metadata import Metadata

N_FFT, WINDOW, HOP = 512, 512, 256


def metadata(*, name: str, state_size: int = 1, look_ahead_frames: int = 0, **changes) -> Metadata:
    """Metadata for a step of 512 by 256 at 16 kHz; `changes` replace fields."""
    fields = {
        "sample_rate": 16_000,
        "n_fft": N_FFT,
        "window": WINDOW,
        "hop": HOP,
        "parameters": 0,
        "macs_per_second": 0,
        "recipe": "{}",
        "hours_trained": 0.0,
        "training_data": "none",
        "licence": "Apache-2.0",
        "commit": "0000000",
    } | changes
    latency_samples = fields["window"] - 1 + look_ahead_frames * fields["hop"]
    return Metadata(**({"name": name, "state_size": state_size, "latency_samples": latency_samples} | fields))


def save(
    path: Path,
    nodes: list[onnx.NodeProto],
    constants: dict[str, np.ndarray],
    strings: dict[str, str],
    *,
    bins: int = N_FFT // 2 + 1,
    state_size: int = 1,
) -> Path:
    """Write a step model whose file says `strings` about itself, true or not."""

    def tensor(name: str, shape: list[int]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    spec, state = [1, 1, bins, 2], [1, state_size]
    graph = helper.make_graph(
        nodes,
        "step",
        inputs=[tensor("spec", spec), tensor("state", state)],
        outputs=[tensor("enhanced", spec), tensor("next_state", state)],
        initializer=[numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, strings)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def identity(path: Path, **changes) -> Path:
    """The spectrum as it is; `changes` replace metadata, sizes included."""
    return gain(path, 1.0, name="identity", **changes)


def gain(path: Path, value: float | np.ndarray, *, name: str = "gain", **changes) -> Path:
    """The spectrum times a constant gain, one for all bins or (F,)."""
    about = metadata(name=name, **changes)
    gains = np.broadcast_to(np.asarray(value, np.float32), about.bins).reshape(1, 1, -1, 1).copy()
    nodes = [
        helper.make_node("Mul", ["spec", "gain"], ["enhanced"]),
        helper.make_node("Identity", ["state"], ["next_state"]),
    ]
    return save(path, nodes, {"gain": gains}, about.to_strings(), bins=about.bins, state_size=about.state_size)


def gain_above(path: Path, value: float, *, lowest_bin: int) -> Path:
    """A constant gain from `lowest_bin` on, one below it."""
    return gain(path, np.where(np.arange(N_FFT // 2 + 1) < lowest_bin, 1.0, value))


def fading(path: Path) -> Path:
    """Frame t times 1 / (1 + t): the state counts the frames, so whatever loses or repeats a state shows."""
    nodes = [
        helper.make_node("Add", ["state", "one"], ["next_state"]),
        helper.make_node("Div", ["spec", "next_state"], ["enhanced"]),
    ]
    return save(path, nodes, {"one": np.ones((1, 1), np.float32)}, metadata(name="fading").to_strings())


def look_ahead(path: Path) -> Path:
    """The spectrum one frame late, as of a network that looks one frame ahead; the state holds the frame."""
    bins = N_FFT // 2 + 1
    about = metadata(name="look_ahead", state_size=2 * bins, look_ahead_frames=1)
    nodes = [
        helper.make_node("Reshape", ["spec", "as_state"], ["next_state"]),
        helper.make_node("Reshape", ["state", "as_spec"], ["enhanced"]),
    ]
    shapes = {"as_state": np.array([1, 2 * bins]), "as_spec": np.array([1, 1, bins, 2])}
    return save(path, nodes, shapes, about.to_strings(), state_size=2 * bins)
