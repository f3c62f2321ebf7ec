"""Networks stream exactly, see no future, learn with all their parameters, and refuse what they cannot be."""

import copy

import pytest
import torch
from support.small_networks import N_FFT, SAMPLE_RATE, SMALL_NETWORKS, small_network
from support.streaming_checks import TOLERANCE, assert_causal, assert_same_in_chunks, assert_trainable, run

from undin.nn.batch_norm import BatchNorm
from undin.nn.layers import fold_norms
from undin.nn.mel import mel_bands
from undin.nn.networks import NETWORKS, build_network


@pytest.fixture(params=SMALL_NETWORKS)
def network(request):
    return small_network(request.param)


def spectrum(frames: int, *, batch: int = 2) -> torch.Tensor:
    return torch.randn(batch, frames, N_FFT // 2 + 1, 2, generator=torch.Generator().manual_seed(0))


def test_all_networks_are_tested():
    assert {name for name, _ in SMALL_NETWORKS.values()} == set(NETWORKS)


def test_chunks_do_not_matter(network):
    assert network.state_size > 0
    assert_same_in_chunks(network, spectrum(frames=40), time=1)


def test_later_input_does_not_change_earlier_output(network):
    assert_causal(network, spectrum(frames=10), time=1)


def test_every_parameter_learns(network):
    assert_trainable(network, spectrum(frames=4, batch=3))


def test_digital_silence_stays_silent_and_trains(network):
    network.train()
    silence = torch.zeros(2, 4, N_FFT // 2 + 1, 2)
    output, _ = network(silence, network.initial_state(2))
    assert torch.equal(output, silence)
    output.square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


def test_folded_norms_change_nothing(network):
    folded = copy.deepcopy(network)
    fold_norms(folded)
    assert not any(isinstance(module, BatchNorm) for module in folded.modules())
    expected, expected_state = run(network, spectrum(frames=20), time=1, chunk_frames=20)
    output, state = run(folded, spectrum(frames=20), time=1, chunk_frames=20)
    torch.testing.assert_close(output, expected, atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(state, expected_state, atol=TOLERANCE, rtol=TOLERANCE)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("unet", {}, "unknown network 'unet': choose one of undin, "),
        ("undin", {"treble_bands": 8}, "no treble above 8000 Hz at a sample rate of 16000 Hz"),
        ("undin", {"treble_bands": 7, "treble_hz": 4000.0}, "of 8 bins: 128 bins below the treble and 7 bands"),
        ("crn", {"chanels": (4,)}, "network 'crn' has no option 'chanels': it takes channels, compression"),
        ("crn", {"channels": (4, 32767)}, "network 'crn' takes 0 to 2048 as channels, not 32767"),
        ("crn", {"channels": [4] * 9}, "cannot be halved by 9 stages"),
        ("nunet_tls", {"channels": 5}, "must be even"),
        ("mask_rnn", {"features": "mfcc"}, "unknown features 'mfcc'"),
        ("mask_rnn", {"mel_high_hz": 9000.0}, "mel range"),
        ("mask_rnn", {"cell": "gnu"}, "unknown recurrent cell 'gnu'"),
    ],
)
def test_impossible_networks_are_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        build_network(name, sample_rate=SAMPLE_RATE, n_fft=N_FFT, **options)


@pytest.mark.parametrize("name", ["undin", "nunet_tls", "nunet_lstm", "crn"])
def test_transforms_that_cannot_be_halved_are_refused(name):
    with pytest.raises(ValueError, match="n_fft 330"):
        build_network(name, sample_rate=SAMPLE_RATE, n_fft=330)


@pytest.mark.parametrize("bands", [1, 40, 128])
def test_mel_bands_keep_a_constant(bands):
    to_bands, to_bins = mel_bands(sample_rate=SAMPLE_RATE, n_fft=N_FFT, bands=bands, low_hz=0, high_hz=8000)
    assert to_bands.min() >= 0
    assert to_bins.min() >= 0
    assert to_bands.sum(0) == pytest.approx(1, abs=1e-5)
    assert to_bins.sum(0) == pytest.approx(1, abs=1e-5)


def test_mel_band_peaks_at_its_frequency():
    # 1000 Hz is 1000 mel: the middle of three bands over 0 to 2000 mel, bin 32 of 512 at 16 kHz
    high_hz = 700 * (10 ** (2000 / 2595) - 1)
    to_bands, _ = mel_bands(sample_rate=SAMPLE_RATE, n_fft=N_FFT, bands=3, low_hz=0, high_hz=high_hz)
    assert to_bands[:, 1].argmax() == 32
