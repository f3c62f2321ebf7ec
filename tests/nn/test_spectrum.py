"""The torch twin of the STFT gives the frames of `undin.model.stft` and gives the signal back."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.reference.synthesis import Synthesis

from undin.model.stft import Analysis
from undin.nn.spectrum import Spectrum

SIZES = [(512, 512, 256), (512, 320, 160), (320, 320, 80), (48, 48, 16)]


def noise(samples: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, samples).astype(np.float32)


@pytest.mark.parametrize("sizes", SIZES)
def test_frames_are_those_of_the_stream(sizes):
    hop = sizes[2]
    wave = noise(12 * hop)
    streamed = Analysis(*sizes).process(wave)
    twin = Spectrum(*sizes).analyse(torch.from_numpy(wave)[None])
    twin = torch.view_as_complex(twin)[0, : len(streamed)].numpy()
    assert np.abs(twin - streamed).max() < 1e-5 * np.abs(streamed).max()


@pytest.mark.parametrize("sizes", SIZES)
def test_waveform_of_any_spectrum_is_that_of_the_stream(sizes):
    n_fft, window, hop = sizes
    parts = np.random.default_rng(0).normal(size=(12, n_fft // 2 + 1, 2)).astype(np.float32)
    parts[:, [0, -1], 1] = 0  # what a real signal has at 0 Hz and at half the sample rate
    streamed = Synthesis(*sizes).process(parts.view(np.complex64)[..., 0])
    samples = 12 * hop - (window - hop)
    twin = Spectrum(*sizes).synthesise(torch.from_numpy(parts)[None], samples=samples)[0].numpy()
    assert np.abs(twin - streamed[window - hop :]).max() < 1e-5


@settings(deadline=None, max_examples=30)
@given(sizes=st.sampled_from(SIZES), samples=st.integers(1, 3000))
def test_reconstruction_is_perfect(sizes, samples):
    spectrum = Spectrum(*sizes)
    wave = torch.from_numpy(noise(samples))[None]
    again = spectrum.synthesise(spectrum.analyse(wave), samples=samples)
    torch.testing.assert_close(again, wave, atol=1e-5, rtol=0)
