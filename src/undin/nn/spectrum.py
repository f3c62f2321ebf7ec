"""The torch twin of `undin.model.stft`: the same frames, differentiable and for whole batches.

A test holds the two against each other. Read `undin.model.stft` for the windows and the latency.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from undin.model.stft import analysis_window, synthesis_window


class Spectrum(nn.Module):
    """Analysis and synthesis of waveforms.

    Parameters
    ----------
    n_fft, window, hop : int
        Samples of the transform, the window and its step; ``hop`` divides ``window ≤ n_fft``.
    """

    def __init__(self, n_fft: int, window: int, hop: int):
        super().__init__()
        self.n_fft, self.window, self.hop = n_fft, window, hop
        self.overlap = window - hop
        self.register_buffer("analysis", torch.from_numpy(analysis_window(window)).float(), persistent=False)
        self.register_buffer("synthesis", torch.from_numpy(synthesis_window(window, hop)).float(), persistent=False)

    def analyse(self, wave: Tensor) -> Tensor:
        """Return the spectrum ``(B, T, F, 2)`` of ``wave (B, N)``.

        The first frames hold the same zeros before the signal as a fresh stream, and the last one reaches as far
        past its end as `synthesise` needs.
        """
        samples = wave.shape[1]
        after = -samples % self.hop + self.overlap
        frames = functional.pad(wave, (self.overlap, after)).unfold(1, self.window, self.hop)
        return torch.view_as_real(torch.fft.rfft(frames * self.analysis, self.n_fft))

    def synthesise(self, spec: Tensor, *, samples: int) -> Tensor:
        """Return the waveform ``(B, samples)`` of ``spec (B, T, F, 2)``, aligned with the analysed one."""
        frames = torch.fft.irfft(torch.view_as_complex(spec.contiguous()), self.n_fft)[..., : self.window]
        steps = self.window // self.hop
        hops = spec.shape[1] - steps + 1  # without those before the first sample and after the last
        # sums of slices, since fold and its gradient take ten times as long on a CPU
        parts = (frames * self.synthesis).split(self.hop, dim=2)
        first, *others = (part[:, steps - 1 - step : steps - 1 - step + hops] for step, part in enumerate(parts))
        return sum(others, start=first).flatten(1)[:, :samples]
