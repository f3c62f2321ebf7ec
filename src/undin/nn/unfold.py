"""From a model file back to a network that can be trained: the way of `export.py` in reverse.

A model file has no batch norms, since they are folded into the layers before them, and its names tell which weights are
whose. So each norm starts as one that changes nothing (`unfold`), and is then made what training would have made of it
by a look at what flows through it (`settle`), which leaves the network the same function. Optimisers start anew.
"""

from collections.abc import Callable, Container, Iterator
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from undin.nn.layers import Normed, Streaming

TRAINED_RMS = 0.45
"""Root mean square of the weights before a norm. A norm takes no notice of it, but the pace of learning depends on it:
the networks of `undin` came to 0.41 to 0.60 in all their layers, by Muon at a learning rate of 1e-2."""


def unfold(path: str | Path, network: Streaming) -> None:
    """Give a network the weights of a model file.

    Parameters
    ----------
    path : path
        Of an ``.onnx`` file that `export` wrote.
    network : Streaming
        The network by the recipe in the file, without folded norms; it is left in evaluation mode.

    Raises
    ------
    ValueError
        The file has not all weights of that network, or of other shapes.
    OSError
        The file cannot be read.
    """
    found = dict(_weights(onnx.load(path).graph))
    for name, layer in network.named_modules():
        if isinstance(layer, Normed):
            folded = f"{name}.0" if layer.norm.rectify else name  # a rectifier came behind the folded layer
            found[f"{name}.layer.weight"] = found.pop(f"{folded}.weight", None)
            found[f"{name}.norm.bias"] = found.pop(f"{folded}.bias", None)
            # with the statistics that it starts with, a mean of 0 and a variance of 1
            found[f"{name}.norm.weight"] = torch.full_like(layer.norm.weight, (1 + layer.norm.eps) ** 0.5)
    for name, parameter in network.named_parameters():
        if found.get(name) is None or found[name].shape != parameter.shape:
            shape = tuple(parameter.shape)
            raise ValueError(f"{path} does not hold the weights {name} {shape} that the network of its recipe has")
    network.load_state_dict({name: found[name] for name, _ in network.named_parameters()}, strict=False)
    network.eval()


@torch.no_grad()
def settle(network: Streaming, spec: Tensor) -> None:
    """Give every norm the statistics of what flows through it, and the weights before it the size that training does.

    The network stays the same function in evaluation, but for rounding; in training, where norms take the statistics
    of the batch, it becomes about that function.

    Parameters
    ----------
    network : Streaming
        In evaluation mode; it is changed in place.
    spec : Tensor (B, T, F, 2)
        Noisy spectra as they come in training; some hundred seconds suffice.
    """
    statistics: dict[Normed, tuple[Tensor, Tensor]] = {}

    def look(normed: Normed) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def hook(_layer: nn.Module, _inputs: tuple[Tensor, ...], features: Tensor) -> None:
            rows = features.movedim(-1 if normed.channels_last else 1, -1).flatten(0, -2)
            statistics[normed] = rows.mean(0), rows.var(0, correction=0)

        return hook

    hooks = [one.layer.register_forward_hook(look(one)) for one in network.modules() if isinstance(one, Normed)]
    network(spec, network.initial_state(len(spec), device=spec.device))
    for hook in hooks:
        hook.remove()
    for normed, (mean, variance) in statistics.items():
        weight, norm = normed.layer.weight, normed.norm
        channel = 1 if isinstance(normed.layer, nn.ConvTranspose2d) else 0
        rms = weight.movedim(channel, 0).flatten(1).square().mean(1).sqrt()
        size = torch.where(rms > 0, TRAINED_RMS / rms, 1)
        weight.mul_(size.view([-1 if axis == channel else 1 for axis in range(weight.ndim)]))
        slope = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        offset = norm.bias - slope * norm.running_mean
        norm.running_mean.copy_(size * mean)
        norm.running_var.copy_(size.square() * variance)
        norm.weight.copy_(slope / size * (norm.running_var + norm.eps).sqrt())
        norm.bias.copy_(offset + slope * mean)


def _weights(graph: onnx.GraphProto) -> Iterator[tuple[str, Tensor]]:
    """The weights of a graph by their names in the folded network.

    The exporter keeps the names of most; those that it lays out anew it renames, but calls the nodes that use them by
    the modules that they stand for.
    """
    values = {one.name: torch.from_numpy(numpy_helper.to_array(one).copy()) for one in graph.initializer}
    # of equal weights the exporter keeps one, under the first name
    values |= {node.output[0]: values[node.input[0]] for node in graph.node if _is_copy(node, values)}
    yield from values.items()
    for node in graph.node:
        weights = [values[name] for name in node.input if name in values]
        if node.op_type in _LAYOUTS and weights:
            for name, value in _LAYOUTS[node.op_type](node, weights):
                yield f"{_module(node)}.{name}", value


def _is_copy(node: onnx.NodeProto, values: Container[str]) -> bool:
    return node.op_type == "Identity" and node.input[0] in values


def _module(node: onnx.NodeProto) -> str:
    """The module that a node such as ``/dense/dense.0/MatMul`` stands for: ``dense.0``."""
    parts = node.name.strip("/").split("/")[:-1]
    return ".".join(one for one, after in zip(parts, [*parts[1:], ""], strict=True) if not after.startswith(f"{one}."))


def _recurrent(node: onnx.NodeProto, weights: list[Tensor]) -> Iterator[tuple[str, Tensor]]:
    """ONNX has the gates in another order than torch, both biases in one tensor, and each layer in a node."""
    order = {"GRU": (1, 0, 2), "LSTM": (0, 2, 3, 1), "RNN": (0,)}[node.op_type]
    _, underscore, layer = node.name.rpartition("/")[2].partition("_")
    tensors = [weights[0][0], weights[1][0], *weights[2][0].chunk(2)]
    for name, value in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), tensors, strict=True):
        gates = value.chunk(len(order))
        yield f"{name}_l{layer if underscore else 0}", torch.cat([gates[gate] for gate in order])


_LAYOUTS: dict[str, Callable[[onnx.NodeProto, list[Tensor]], Iterator[tuple[str, Tensor]]]] = {
    "GRU": _recurrent,
    "LSTM": _recurrent,
    "RNN": _recurrent,
    "MatMul": lambda _, weights: iter([("weight", weights[0].t())]) if weights[0].ndim == 2 else iter([]),
    # the norm within a frame, whose weights and biases are the same in every band
    "LayerNormalization": lambda _, weights: zip(("weight", "bias"), (weights[0][0], weights[1][0]), strict=True),
    "PRelu": lambda _, weights: iter([("weight", weights[0].flatten())]),
}
