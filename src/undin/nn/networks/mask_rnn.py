"""Spectral masking by a stack of recurrent cells: the family of TinyLSTM.

Fedorov et al., "TinyLSTMs: efficient neural speech enhancement for hearing aids", Interspeech 2020: features of a
frame, recurrent cells, two dense layers, a mask on the magnitude. All its arithmetic is matrix products.
"""

import torch
from torch import Tensor, nn

from undin.nn.layers import Flow, Normed, Streaming, compressed_magnitude, total_state
from undin.nn.mel import mel_bands
from undin.nn.norms import RunningNorm
from undin.nn.recurrent import Recurrent

FEATURES = ("linear", "log_mel")


class MaskRNN(Streaming):
    """Enhance a spectrum by a mask in [0, 1] on its magnitude; the phase stays noisy.

    Parameters
    ----------
    sample_rate : int
        Hz, for the mel scale.
    n_fft : int
        Size of the transform.
    cell : {"lstm", "gru", "rnn"}
    layers : int
        Cells stacked on each other.
    hidden : int
        Units of each cell.
    features : {"log_mel", "linear"}
        What the cells see, and what the mask has a value for: mel bands (their power in log10), or the bins themselves
        (their magnitude to the power 0.3).
    mel_count : int
        Mel bands.
    mel_low_hz, mel_high_hz : float
        Their range; None ends it at half the sample rate.
    normaliser_frames : float
        Time constant of a running normaliser of the features, frames; 0 leaves them as they are.
    """

    compression = 0.3
    power_floor = 1e-10

    def __init__(
        self,
        *,
        sample_rate: int,
        n_fft: int,
        cell: str = "lstm",
        layers: int = 2,
        hidden: int = 256,
        features: str = "log_mel",
        mel_count: int = 128,
        mel_low_hz: float = 0.0,
        mel_high_hz: float | None = None,
        normaliser_frames: float = 200,
    ):
        super().__init__()
        if features not in FEATURES:
            raise ValueError(f"unknown features {features!r}: choose one of {', '.join(FEATURES)}")
        self.mel = features == "log_mel"
        bands = n_fft // 2 + 1
        if self.mel:
            bands = mel_count
            high_hz = sample_rate / 2 if mel_high_hz is None else mel_high_hz
            if not 0 <= mel_low_hz < high_hz <= sample_rate / 2:
                raise ValueError(f"mel range {mel_low_hz} to {high_hz} Hz is not within 0 to {sample_rate / 2:g} Hz")
            matrices = mel_bands(sample_rate=sample_rate, n_fft=n_fft, bands=bands, low_hz=mel_low_hz, high_hz=high_hz)
            for name, matrix in zip(("to_bands", "to_bins"), matrices, strict=True):
                self.register_buffer(name, torch.from_numpy(matrix), persistent=False)
        self.normaliser = RunningNorm(1, bands, time_constant_frames=normaliser_frames) if normaliser_frames else None
        self.recurrent = Recurrent(cell, bands, hidden, layers=layers)
        self.dense = Normed(nn.Linear(hidden, bands, bias=False), rectify=True)
        self.mask = nn.Linear(bands, bands)
        self.state_size = total_state(self._layers())

    def _layers(self) -> list[Streaming]:
        return [self.normaliser, self.recurrent] if self.normaliser else [self.recurrent]

    def forward(self, spec: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Enhance ``spec (B, T, F, 2)`` from ``state (B, state_size)``; return the same shapes."""
        flow = Flow(self._layers(), state)
        x = self._features(spec)
        if self.normaliser:
            x = flow(self.normaliser, x[:, None])[:, 0]
        x = flow(self.recurrent, x.transpose(0, 1)[:, :, None])
        mask = torch.sigmoid(self.mask(self.dense(x)))[:, :, 0].transpose(0, 1)
        if self.mel:
            mask = mask @ self.to_bins
        return spec * mask[..., None], flow.state()

    def _features(self, spec: Tensor) -> Tensor:
        """Return the features ``(B, T, bands)`` of a spectrum."""
        if not self.mel:
            return compressed_magnitude(spec, self.compression)
        return torch.log10(spec.square().sum(-1) @ self.to_bands + self.power_floor)
