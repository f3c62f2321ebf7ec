"""Every network with every kind of option, at widths that tests can afford."""

import torch
from support.streaming_checks import prepared

from undin.nn.layers import Streaming
from undin.nn.networks import build_network

SAMPLE_RATE, N_FFT, HOP = 16_000, 512, 256

SMALL_NETWORKS = {
    "undin": ("undin", {"channels": 8, "depth": 2, "band_channels": 8, "squeeze": 4}),
    "undin_treble": ("undin", {"channels": 8, "band_channels": 8, "treble_bands": 8, "treble_hz": 4000.0}),
    "nunet_tls": ("nunet_tls", {"channels": 16, "middle_channels": 8}),
    "nunet_lstm": ("nunet_lstm", {"channels": 16, "middle_channels": 8, "units": 5}),
    "mask_rnn_lstm": ("mask_rnn", {"hidden": 12, "mel_count": 20, "mel_low_hz": 50.0, "mel_high_hz": 7000.0}),
    "mask_rnn_gru": ("mask_rnn", {"cell": "gru", "hidden": 12, "features": "linear", "normaliser_frames": 0}),
    "mask_rnn_rnn": ("mask_rnn", {"cell": "rnn", "hidden": 12, "layers": 1, "features": "linear"}),
    "crn": ("crn", {"channels": (4, 4, 6)}),
    "crn_unet": ("crn", {"channels": (4, 4, 6), "recurrent_layers": 0}),
}

QUICKLY_EXPORTED = [name for name in SMALL_NETWORKS if name != "nunet_tls"]
"""All kinds of layers: nunet_lstm has those of nunet_tls, of which torch exports thousands."""


def small_network(name: str) -> Streaming:
    """One of `SMALL_NETWORKS` with random weights and batch norms, in evaluation."""
    torch.manual_seed(0)
    network, options = SMALL_NETWORKS[name]
    return prepared(build_network(network, sample_rate=SAMPLE_RATE, n_fft=N_FFT, **options))
