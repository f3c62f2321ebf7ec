"""A model file becomes a network that can be trained: the same function, with norms as training leaves them."""

import pytest
import torch
from support.small_networks import HOP, N_FFT, QUICKLY_EXPORTED, SAMPLE_RATE, SMALL_NETWORKS, small_network
from support.step_models import metadata

from undin.nn.export import export
from undin.nn.layers import Normed
from undin.nn.networks import build_network
from undin.nn.spectrum import Spectrum
from undin.nn.unfold import TRAINED_RMS, settle, unfold


def spectra(noise_level: float = 0.1) -> torch.Tensor:
    noise = noise_level * torch.randn(4, 100 * HOP, generator=torch.Generator().manual_seed(0))
    return Spectrum(N_FFT, N_FFT, HOP).analyse(noise)


@torch.no_grad()
def enhanced(network, spec: torch.Tensor) -> torch.Tensor:
    return network(spec, network.initial_state(len(spec)))[0]


@pytest.mark.parametrize("name", QUICKLY_EXPORTED)
def test_a_model_file_gives_back_the_function_it_was_exported_from(name, tmp_path):
    network = small_network(name)
    path = tmp_path / "model.onnx"
    export(network, metadata(name=name, state_size=network.state_size), path)
    kind, options = SMALL_NETWORKS[name]
    unfolded = build_network(kind, sample_rate=SAMPLE_RATE, n_fft=N_FFT, **options)
    unfold(path, unfolded)
    expected = enhanced(network, spectra())
    torch.testing.assert_close(enhanced(unfolded, spectra()), expected, atol=1e-4, rtol=1e-4)
    settle(unfolded, spectra(noise_level=0.01))  # which sees other signals, and may not change anything
    torch.testing.assert_close(enhanced(unfolded, spectra()), expected, atol=1e-4, rtol=1e-4)


def test_settled_norms_hold_the_statistics_of_their_features():
    unfolded = small_network("undin")
    before = enhanced(unfolded, spectra())
    settle(unfolded, spectra())
    # in training norms take the statistics of the batch: here they are those that settle has seen
    torch.testing.assert_close(enhanced(unfolded.train(), spectra()), before, atol=1e-3, rtol=1e-3)
    for layer in unfolded.modules():
        if isinstance(layer, Normed):
            rms = layer.layer.weight.detach().square().mean().sqrt()
            assert float(rms) == pytest.approx(TRAINED_RMS, rel=1e-4)


def test_a_file_of_another_network_is_refused(tmp_path):
    network = small_network("undin")
    path = tmp_path / "model.onnx"
    export(network, metadata(name="mine", state_size=network.state_size), path)
    other = build_network("undin", sample_rate=SAMPLE_RATE, n_fft=N_FFT, channels=6, band_channels=8, squeeze=4)
    with pytest.raises(ValueError, match=r"model.onnx does not hold the weights stem.layer.weight \(6, 5, 1, 8\)"):
        unfold(path, other)
