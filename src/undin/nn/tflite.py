"""From a trained network to a TFLite file, for apps and boards that run models on LiteRT or TensorFlow Lite Micro.

litert-torch converts the one-frame step that `export.py` writes as ONNX. The file has one signature, ``step``, of the
same names, ``(spec, state) → (enhanced, next_state)``, and holds the metadata as JSON; ``model/tflite.py`` says where.
"""

import contextlib
import json
import math
import os
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from undin.io.files import replacing
from undin.model.metadata import Metadata
from undin.model.tflite import ENTRY, IDENTIFIER, SIGNATURE
from undin.nn.export import folded
from undin.nn.layers import Streaming


def export_tflite(network: Streaming, metadata: Metadata, path: str | Path, *, int8_weights: bool = False) -> None:
    """Write a network as a TFLite file, whole or not at all.

    Parameters
    ----------
    network : Streaming
        In any mode and on any device; it is not changed.
    metadata : Metadata
    path : path
        Of the ``.tflite`` file.
    int8_weights : bool
        Matrices and convolutions keep their weights in 8 bits, a scale for each channel, and LiteRT rounds what they
        multiply while it runs; all else stays in floats. TensorFlow Lite Micro does not run such files.

    Raises
    ------
    ValueError
        Weights are not finite, or the converter made another network of it.
    OSError
        The file cannot be written.
    ModuleNotFoundError
        The converter is not installed.
    """
    step = _Step(folded(network)).eval()
    example = {"spec": torch.zeros(1, 1, metadata.bins, 2), "state": network.initial_state(1, "cpu")}
    with warnings.catch_warnings():  # of libraries, to each other
        warnings.simplefilter("ignore")
        os.environ.setdefault("LITERT_TORCH_SHOW_PROGRESS", "n")
        import litert_torch  # takes seconds

        converted = litert_torch.signature(SIGNATURE, step, sample_kwargs=example).convert()
    with replacing(path) as partial, contextlib.redirect_stdout(None):
        converted.export(str(partial))
        model = _with_metadata(partial.read_bytes(), metadata)
        _refuse_another_network(model, step, least_snr_db=MIN_SNR_DB)
        if int8_weights:
            model = _with_int8_weights(model)
            _refuse_another_network(model, step, least_snr_db=MIN_INT8_SNR_DB)
        partial.write_bytes(model)


MIN_SNR_DB, MIN_INT8_SNR_DB = 80, 20
"""How near to the network its file must come, dB: rounding leaves 120 or more, weights of 8 bits 35 to 45; a converter
that takes one operator for another, 5."""

CHECKED_FRAMES = 20

Pair = tuple[int, int]


class _Step(nn.Module):
    """A network whose outputs have names."""

    def __init__(self, network: Streaming):
        super().__init__()
        self.network = network

    def forward(self, spec: Tensor, state: Tensor) -> dict[str, Tensor]:
        with _Rewritten():
            enhanced, next_state = self.network(spec, state)
        return {"enhanced": enhanced, "next_state": next_state}


class _Rewritten(TorchFunctionMode):
    """The same functions by others, where the converter or a runtime stumbles on what networks call."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _REWRITES.get(function, function)(*args, **(kwargs or {}))


def _pow(base: Tensor, exponent: float) -> Tensor:
    """TensorFlow Lite Micro has no POW. What undin raises to a power is positive."""
    return torch.exp(exponent * torch.log(base))


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """The converter makes products of some with four axes that it refuses itself."""
    return functional.linear(x.reshape(-1, x.shape[-1]), weight, bias).reshape(*x.shape[:-1], -1)


def _split(x: Tensor, sizes: Sequence[int], dim: int = 0) -> Sequence[Tensor]:
    """The converter fails on a split into one."""
    return [x] if len(sizes) == 1 else x.split(sizes, dim)


def _conv_transpose2d(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: Pair, padding: Pair, output_padding: Pair, *others: Any
) -> Tensor:
    """The converter takes some for bilinear interpolation and drops their weights, unless they are cut to size later.

    ``findings/litert_torch_transposed_convolution.sh`` shows it.
    """
    more = [max(extra - cut, 0) for extra, cut in zip(output_padding, padding, strict=True)]
    whole = functional.conv_transpose2d(x, weight, bias, stride, 0, more, *others)
    for axis, (cut, extra) in enumerate(zip(padding, output_padding, strict=True), start=2):
        size = whole.shape[axis] - max(extra - cut, 0) - 2 * cut + extra
        whole = whole.narrow(axis, cut, size)
    return whole


_REWRITES = {
    Tensor.pow: _pow,
    Tensor.split: _split,
    functional.linear: _linear,
    functional.conv_transpose2d: _conv_transpose2d,
}


@torch.no_grad()
def _refuse_another_network(model: bytes, step: _Step, *, least_snr_db: float) -> None:
    """Run the file beside the network, since converters have bugs that nothing else tells."""
    from ai_edge_litert.interpreter import Interpreter  # comes with litert-torch

    run = Interpreter(model_content=model, num_threads=1).get_signature_runner(SIGNATURE)
    shape = run.get_input_details()["spec"]["shape"].tolist()
    generator = torch.Generator().manual_seed(0)
    spec, state = 3 * torch.randn(CHECKED_FRAMES, *shape, generator=generator), step.network.initial_state(1)
    power, noise, theirs = 0.0, 0.0, state.numpy()
    for frame in spec:
        expected = step(frame, state)
        found = run(spec=frame.numpy(), state=theirs)
        state, theirs = expected["next_state"], found["next_state"].copy()
        power += float(expected["enhanced"].square().sum())
        noise += float((expected["enhanced"] - torch.from_numpy(found["enhanced"].copy())).square().sum())
    if not noise < power * 10 ** (-least_snr_db / 10):
        snr_db = 10 * math.log10(power / noise)
        raise ValueError(
            f"litert-torch {version('litert-torch')} made another network of this one, whose output is only "
            f"{snr_db:.0f} dB above the difference, so nothing was written: please report it"
        )


def _with_int8_weights(model: bytes) -> bytes:
    from ai_edge_quantizer import quantizer, recipe  # comes with litert-torch

    return bytes(quantizer.Quantizer(bytearray(model), recipe.dynamic_wi8_afp32()).quantize().quantized_model)


def _with_metadata(model: bytes, metadata: Metadata) -> bytes:
    import flatbuffers  # comes with litert-torch
    from ai_edge_litert import schema_py_generated as schema

    tree = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))
    entry, text = schema.MetadataT(), schema.BufferT()
    text.data = json.dumps(metadata.to_strings()).encode()
    entry.name, entry.buffer = ENTRY, len(tree.buffers)
    tree.buffers.append(text)
    tree.metadata.append(entry)
    builder = flatbuffers.Builder(len(model))
    builder.Finish(tree.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())
