"""Zeros around the input of a convolution: the convolution has borders of its own, which cost no copy."""

import numpy as np

from undin.compiler.ir.graph import Graph, Node


def join_paddings(graph: Graph) -> None:
    """Let every convolution that reads a tensor padded with zeros along its spatial axes pad for itself."""
    makers = {value: node for node in graph.nodes for value in node.outputs if value is not None}
    for node in graph.nodes:
        pad = makers.get(node.inputs[0]) if node.operator == "Conv" else None
        widths = None if pad is None or pad.operator != "Pad" else _spatial_zeros(pad)
        if widths is None or node.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
            continue
        own = node.get("pads") if node.get("auto_pad", "NOTSET") == "NOTSET" else None
        own = own or [0] * len(widths)
        node.attributes["pads"] = [a + b for a, b in zip(own, widths, strict=True)]
        node.attributes["auto_pad"] = "NOTSET"
        node.inputs[0] = pad.inputs[0]
    graph.drop_unread()


def _spatial_zeros(pad: Node) -> list[int] | None:
    """The widths of a Pad along the axes behind the first two, as a convolution has them; None if it does more."""
    rank = len(pad.inputs[0].shape)
    given, axes, fill = pad.constant(1, "pads"), pad.constant(3), pad.constant(2, "value", 0)
    if pad.get("mode", "constant") != "constant" or (fill is not None and np.any(fill)):
        return None
    widths = np.zeros((2, rank), int)
    widths[:, range(rank) if axes is None else [int(axis) % rank for axis in axes]] = np.reshape(given, (2, -1))
    if widths.min() < 0 or widths[:, :2].any():
        return None
    return widths[:, 2:].reshape(-1).tolist()
