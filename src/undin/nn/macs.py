"""Arithmetic of a network, counted on shapes alone: multiply-accumulates of its matrix products and convolutions.

Elementwise work, activations and the transforms around the network are not counted, as is the field's custom.
"""

import copy

import torch
from torch.utils.flop_counter import FlopCounterMode

from undin.nn.layers import Streaming


def macs_per_frame(network: Streaming, *, n_fft: int) -> int:
    """Return the multiply-accumulates of one step of any streaming network.

    Parameters
    ----------
    network : Streaming
        Maps ``spec (1, 1, n_fft // 2 + 1, 2)`` and its state.
    n_fft : int
        Size of the transform.
    """
    # On the meta device nothing is computed, and no fused cell of a real device hides its products from the counter.
    shapes = copy.deepcopy(network).to("meta").eval()
    spec = torch.zeros(1, 1, n_fft // 2 + 1, 2, device="meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        shapes(spec, shapes.initial_state(1, "meta"))
    return counter.get_total_flops() // 2


def macs_per_second(network: Streaming, *, n_fft: int, sample_rate: int, hop: int) -> int:
    """Return the multiply-accumulates a network needs for a second of audio."""
    return round(macs_per_frame(network, n_fft=n_fft) * sample_rate / hop)


def parameters(network: Streaming) -> int:
    """Return how many numbers training sets in a network."""
    return sum(parameter.numel() for parameter in network.parameters())
