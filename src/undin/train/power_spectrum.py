"""Squared magnitudes of spectra, and the power spectrum of overlapping frames, with gradients of their own.

On CPUs the loops behind autograd's formulas are slow here: sums over the two parts of a complex number, the gradient of
a real transform by a complex one of twice the size, frames put together by a general scatter. These take a third to a
half of the time. The analysis that goes with a synthesis is in ``nn/spectrum.py``.
"""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional


def squared_magnitude(spec: Tensor) -> Tensor:
    """Return ``|X|² (B, T, F)`` of spectra ``(B, T, F, 2)``."""
    return _SquaredMagnitude.apply(spec.contiguous())


def power_spectrum(wave: Tensor, window: Tensor, *, hop: int, n_fft: int) -> Tensor:
    """Squared magnitudes of all whole frames.

    Parameters
    ----------
    wave : Tensor
        ``(B, N)``, at least as long as the window.
    window : Tensor
        ``(samples,)``; each frame is multiplied by it and padded with zeros to `n_fft`.
    hop : int
        Samples between frames, a divisor of ``samples``.
    n_fft : int
        Even.

    Returns
    -------
    Tensor
        ``(B, T, n_fft // 2 + 1)`` with ``T = (N − samples) // hop + 1``.
    """
    return _PowerSpectrum.apply(wave, window, hop, n_fft)


class _SquaredMagnitude(torch.autograd.Function):
    @staticmethod
    def forward(ctx, spec: Tensor) -> Tensor:
        ctx.save_for_backward(spec)
        return _square_sum(*spec.unbind(-1))

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor) -> Tensor:
        (spec,) = ctx.saved_tensors
        return torch.view_as_real(torch.view_as_complex(spec) * (2 * gradient))


class _PowerSpectrum(torch.autograd.Function):
    @staticmethod
    def forward(ctx, wave: Tensor, window: Tensor, hop: int, n_fft: int) -> Tensor:
        frames = _padded(wave, n_fft - len(window)).unfold(1, n_fft, hop) * _padded(window, n_fft - len(window))
        spec = torch.fft.rfft(frames)
        ctx.save_for_backward(spec, window)
        ctx.samples, ctx.hop, ctx.n_fft = wave.shape[1], hop, n_fft
        return _square_sum(spec.real, spec.imag)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        spec, window = ctx.saved_tensors
        # 2 X is the gradient of |X|². The inverse transform counts every bin twice but the first and the last.
        weighted = spec * gradient
        weighted[..., :: ctx.n_fft // 2].mul_(2)
        frames = torch.fft.irfft(weighted, ctx.n_fft, norm="forward")
        count, steps = frames.shape[1], len(window) // ctx.hop
        wave_gradient = frames.new_zeros(len(frames), ctx.samples)
        blocks = wave_gradient[:, : (count + steps - 1) * ctx.hop].unflatten(1, (-1, ctx.hop))
        for step in range(steps):
            part = slice(step * ctx.hop, (step + 1) * ctx.hop)
            blocks[:, step : step + count].addcmul_(frames[..., part], window[part])
        return wave_gradient, None, None, None


def _square_sum(real: Tensor, imag: Tensor) -> Tensor:
    return torch.square(real).addcmul_(imag, imag)


def _padded(x: Tensor, zeros: int) -> Tensor:
    """Put zeros behind; without any torch would make a copy."""
    return functional.pad(x, (0, zeros)) if zeros else x
