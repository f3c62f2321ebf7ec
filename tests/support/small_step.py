"""One frame of a small network with one of everything: quick to compile, yet a whole model of undin.

Frames of 64 samples at hops of 32. A convolution over frequency sees this frame and the last, a depthwise one mixes
bands, a GRU follows them in time, a transposed convolution makes a mask. A counter of frames in whole numbers makes
some louder, so that a lost frame shows and processors without division have something to divide.
"""

from pathlib import Path

import numpy as np
from onnx import helper
from support import step_models

N_FFT, HOP, BINS = 64, 32, 33
CHANNELS, BANDS, HIDDEN = 6, 17, 12
STATE_SIZE = HIDDEN + BINS + 1
PREFIX = "undin_small_step"


def save(folder: Path) -> Path:
    """Write ``small_step.onnx``."""
    nodes: list = []

    def node(operator: str, *inputs: str, output: str = "", **attributes) -> str:
        output = output or f"{operator}_{len(nodes)}"
        nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    h, past, count = (node("Slice", "state", start, stop, "axis_1") for start, stop in STATE_PARTS)
    power = node("ReduceSum", node("Mul", "spec", "spec"), "axis_3", keepdims=0)
    now = node("Reshape", node("Log", node("Add", power, "tiny")), "one_frame")
    frames = node("Reshape", node("Concat", past, now, axis=0), "two_frames")
    bands = node("Conv", frames, "conv_w", "conv_b", strides=[1, 2], pads=[0, 2, 0, 2])
    bands = node("PRelu", bands, "slopes")
    mixed = node("Tanh", node("Conv", bands, "depthwise_w", "conv_b", group=CHANNELS, pads=[0, 1, 0, 1]))
    sequence = node("Reshape", node("Transpose", mixed, perm=[0, 2, 3, 1]), "one_step")
    nodes.append(
        helper.make_node(
            "GRU",
            [sequence, "gru_w", "gru_r", "gru_b", "", node("Unsqueeze", h, "axis_0")],
            ["", "gru_h"],
            hidden_size=HIDDEN,
            linear_before_reset=1,
        )
    )
    h = node("Squeeze", "gru_h", "axis_0")
    wide = node("Reshape", node("Gemm", h, "linear_w", "linear_b", transB=1), "bands")
    mask = node("ConvTranspose", node("Add", wide, bands), "up_w", "up_b", strides=[1, 2], pads=[0, 2, 0, 2])
    mask = node("Reshape", node("Sigmoid", mask), "mask")
    whole = node("Cast", node("Add", count, "one"), to=7)
    beat = node("Sub", whole, node("Mul", node("Div", whole, "five"), "five"))
    loudness = node("Exp", node("Mul", node("Cast", beat, to=1), "tenth"))
    node("Mul", node("Mul", "spec", mask), loudness, output="enhanced")
    node("Concat", h, now, node("Cast", whole, to=1), axis=1, output="next_state")
    about = step_models.metadata(
        name="small-step", n_fft=N_FFT, window=N_FFT, hop=HOP, state_size=STATE_SIZE, recipe='{"quote": "\\\\"}'
    )
    path = folder / "small_step.onnx"
    return step_models.save(path, nodes, _constants(), about.to_strings(), bins=BINS, state_size=STATE_SIZE)


STATE_PARTS = (("start_h", "start_past"), ("start_past", "start_count"), ("start_count", "end"))


def _constants() -> dict[str, np.ndarray]:
    noise = np.random.default_rng(7)

    def weights(*shape: int) -> np.ndarray:
        return (noise.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)

    whole_numbers = {
        "start_h": [0],
        "start_past": [HIDDEN],
        "start_count": [HIDDEN + BINS],
        "end": [STATE_SIZE],
        "axis_0": [0],
        "axis_1": [1],
        "axis_3": [3],
        "one_frame": [1, BINS],
        "two_frames": [1, 2, 1, BINS],
        "one_step": [1, 1, CHANNELS * BANDS],
        "bands": [1, CHANNELS, 1, BANDS],
        "mask": [1, 1, BINS, 1],
        "five": [[5]],
    }
    return {name: np.array(value, np.int64) for name, value in whole_numbers.items()} | {
        "tiny": np.array(1e-6, np.float32),
        "one": np.ones((1, 1), np.float32),
        "tenth": np.array(0.1, np.float32),
        "conv_w": weights(CHANNELS, 2, 1, 5),
        "conv_b": weights(CHANNELS),
        "slopes": weights(CHANNELS, 1, 1),
        "depthwise_w": weights(CHANNELS, 1, 1, 3),
        "gru_w": weights(1, 3 * HIDDEN, CHANNELS * BANDS),
        "gru_r": weights(1, 3 * HIDDEN, HIDDEN),
        "gru_b": weights(1, 6 * HIDDEN),
        "linear_w": weights(CHANNELS * BANDS, HIDDEN),
        "linear_b": weights(CHANNELS * BANDS),
        "up_w": weights(CHANNELS, 1, 1, 5),
        "up_b": weights(1),
    }
