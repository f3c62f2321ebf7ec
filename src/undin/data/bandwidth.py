"""Up to which frequency a recording holds anything, whatever its file's sample rate says.

A recording at 16 kHz that was brought to 48 kHz has nothing in its treble but the rounding to 16 bit, nor has one that
came through a lossy codec. `mixing.py` takes the noise away there as well.
"""

import numpy as np
import torch

from undin.data.corpus import Corpus

FULL_BAND = 0.95
"""What reaches this share of half the sample rate is not band-limited."""
FRAME = 1024
FRAMES = 64
"""Of each file, evenly spaced: enough to meet a sibilant in a sentence."""
SMOOTH_BINS = 5
ABOVE_ROUNDING_DB = 20.0
"""The loudest of so many frames of rounding noise lies 4 to 6 dB over its mean, in the mean of so many bins."""


def bandwidth_hz(corpus: Corpus) -> np.ndarray:
    """The highest frequency of each file that stands out from the rounding to 16 bit.

    Returns
    -------
    ndarray, shape (files,), Hz
        At most half the sample rate.
    """
    window = torch.hann_window(FRAME, device=corpus.samples.device)
    rounding = window.square().sum() / 12  # of a uniform error of one step, in the power of each bin
    threshold = rounding * 10 ** (ABOVE_ROUNDING_DB / 10)
    bins = torch.arange(1, FRAME // 2 + 2, device=corpus.samples.device)
    found = []
    for start, length in zip(corpus.starts.tolist(), corpus.lengths.tolist(), strict=True):
        audio = corpus.samples[start : start + length].float()
        audio = torch.nn.functional.pad(audio, (0, max(0, FRAME - length)))
        frames = audio.unfold(0, FRAME, 1)[:: max(1, len(audio) // FRAMES)]
        power = torch.fft.rfft(frames * window).abs().square().amax(0)
        smooth = torch.nn.functional.avg_pool1d(
            power[None], SMOOTH_BINS, stride=1, padding=SMOOTH_BINS // 2, count_include_pad=False
        )[0]
        found.append((bins * (smooth > threshold)).amax())
    return torch.stack(found).cpu().numpy() / len(bins) * corpus.sample_rate / 2
