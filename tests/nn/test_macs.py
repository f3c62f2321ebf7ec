"""The count of multiply-accumulates, against counts by hand."""

import pytest

from undin.nn.macs import macs_per_frame, macs_per_second, parameters
from undin.nn.networks import build_network

BINS, CHANNELS, HIDDEN = 8, 3, 4

BY_HAND = {
    # a GRU of three gates, then two dense layers
    "gru": (
        "mask_rnn",
        {"cell": "gru", "layers": 1, "hidden": HIDDEN, "features": "linear", "normaliser_frames": 0},
        3 * HIDDEN * (BINS + 1 + HIDDEN) + HIDDEN * (BINS + 1) + (BINS + 1) ** 2,
    ),
    # an LSTM of four gates, mel bands and back
    "lstm_mel": (
        "mask_rnn",
        {"layers": 1, "hidden": HIDDEN, "mel_count": 5},
        4 * HIDDEN * (5 + HIDDEN) + HIDDEN * 5 + 5**2 + 2 * 5 * (BINS + 1),
    ),
    # a kernel of 2 by 3 for each of the bands below, on the way down and, from twice the channels, on the way up
    "unet": (
        "crn",
        {"channels": (CHANNELS,), "recurrent_layers": 0},
        (1 + 2) * CHANNELS * 2 * 3 * BINS // 2,
    ),
}


@pytest.mark.parametrize("case", BY_HAND)
def test_count_is_the_count_by_hand(case):
    name, options, expected = BY_HAND[case]
    network = build_network(name, sample_rate=16_000, n_fft=2 * BINS, **options)
    assert macs_per_frame(network, n_fft=2 * BINS) == expected
    assert macs_per_second(network, n_fft=2 * BINS, sample_rate=16_000, hop=8) == 2000 * expected
    assert network.training


def test_published_width_of_the_nested_unet_costs_what_was_published():
    network = build_network("nunet_tls", sample_rate=16_000, n_fft=512)
    assert macs_per_second(network, n_fft=512, sample_rate=16_000, hop=256) == pytest.approx(4.6e9, rel=0.02)
    assert parameters(network) == pytest.approx(2.83e6, rel=0.01)
