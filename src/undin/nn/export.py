"""From a trained network to a model file: batch norms folded, one step traced, and everything said about it.

The file is ONNX with the inputs `spec` and `state` and the outputs `enhanced` and `next_state` (ONNX wants every value
to have a name of its own). What the metadata mean stands in ``model/metadata.py``; ``model/loading.py``
loads the result.
"""

import copy
import io
import warnings
from pathlib import Path

import onnx
import torch

from undin.io.files import replacing
from undin.model.metadata import Metadata
from undin.nn.layers import Streaming, fold_norms

OPSET = 17


def export(network: Streaming, metadata: Metadata, path: str | Path) -> None:
    """Write a network as a model file, whole or not at all.

    Parameters
    ----------
    network : Streaming
        In any mode and on any device; it is not changed.
    metadata : Metadata
    path : path
        Of the ``.onnx`` file.

    Raises
    ------
    ValueError
        Weights are not finite.
    OSError
        The file cannot be written.
    """
    network = folded(network)
    example = torch.zeros(1, 1, metadata.bins, 2), network.initial_state(1)
    traced = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        # The tracing exporter is deprecated, but it is the one that all supported versions of torch have, that keeps
        # recurrent cells as one node each, and it takes 0.4 s where its successor takes 8 s and 20 more nodes.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            example,
            traced,
            input_names=["spec", "state"],
            output_names=["enhanced", "next_state"],
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load_from_string(traced.getvalue())
    onnx.helper.set_model_props(model, metadata.to_strings())
    onnx.checker.check_model(model)
    with replacing(path) as partial:
        partial.write_bytes(model.SerializeToString())


def folded(network: Streaming) -> Streaming:
    """Return a copy of a network as files hold it: on the CPU, in evaluation mode, without norms.

    Raises
    ------
    ValueError
        Weights are not finite.
    """
    for name, tensor in network.state_dict().items():
        if not torch.isfinite(tensor).all():
            raise ValueError(f"the weights {name!r} are not finite: train again from an earlier checkpoint")
    network = copy.deepcopy(network).cpu().eval()
    fold_norms(network)
    return network
