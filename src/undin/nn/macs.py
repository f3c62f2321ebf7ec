"""Arithmetic of a network, counted by running it: multiply-accumulates of its matrix products and convolutions.

Elementwise work, activations and the transforms around the network are not counted, as is the field's custom.
"""

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
    device = next(network.parameters()).device
    spec = torch.zeros(1, 1, n_fft // 2 + 1, 2, device=device)
    training = network.training
    network.eval()
    # oneDNN's fused recurrent cells would hide their products from the counter.
    with torch.no_grad(), torch.backends.mkldnn.flags(enabled=False), FlopCounterMode(display=False) as counter:
        network(spec, network.initial_state(1, device))
    network.train(training)
    return counter.get_total_flops() // 2


def macs_per_second(network: Streaming, *, n_fft: int, sample_rate: int, hop: int) -> int:
    """Return the multiply-accumulates a network needs for a second of audio."""
    return round(macs_per_frame(network, n_fft=n_fft) * sample_rate / hop)


def parameters(network: Streaming) -> int:
    """Return how many numbers training sets in a network."""
    return sum(parameter.numel() for parameter in network.parameters())
