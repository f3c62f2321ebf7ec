"""From a trained network to a TFLite file, for apps and boards that run models on LiteRT or TensorFlow Lite Micro.

litert-torch converts the one-frame step that `export.py` writes as ONNX. The file has one signature, ``step``, of the
same names, ``(spec, state) → (enhanced, next_state)``, and holds the metadata as JSON; ``model/tflite.py`` says where.
"""

import contextlib
import json
import os
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
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
        Matrices and convolutions keep their weights in 8 bits, a scale for each channel; arithmetic stays in floats.

    Raises
    ------
    ValueError
        Weights are not finite.
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
        model = partial.read_bytes()
        if int8_weights:
            model = _with_int8_weights(model)
        partial.write_bytes(_with_metadata(model, metadata))


class _Step(nn.Module):
    """A network whose outputs have names, and whose powers TensorFlow Lite Micro can compute."""

    def __init__(self, network: Streaming):
        super().__init__()
        self.network = network

    def forward(self, spec: Tensor, state: Tensor) -> dict[str, Tensor]:
        with _PowersByLogarithms():
            enhanced, next_state = self.network(spec, state)
        return {"enhanced": enhanced, "next_state": next_state}


class _PowersByLogarithms(TorchFunctionMode):
    """``x.pow(c)`` is ``exp(c log x)``: TensorFlow Lite Micro has no POW. What undin raises to a power is positive."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is Tensor.pow:
            base, exponent = args
            return torch.exp(exponent * torch.log(base))
        return function(*args, **(kwargs or {}))


def _with_int8_weights(model: bytes) -> bytes:
    from ai_edge_quantizer import quantizer, recipe  # comes with litert-torch

    return bytes(quantizer.Quantizer(bytearray(model), recipe.weight_only_wi8_afp32()).quantize().quantized_model)


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
