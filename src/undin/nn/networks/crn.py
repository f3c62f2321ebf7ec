"""Convolutional recurrent network (CRN), and without its recurrence the plain causal U-Net.

Tan & Wang, "A convolutional recurrent neural network for real-time speech enhancement", Interspeech 2018: an encoder of
strided convolutions, LSTMs over all that is left of a frame, a decoder that mirrors the encoder and takes its features.
The paper maps to the magnitude of the clean speech; here the output is a mask on the noisy magnitude, which does not
depend on the level.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from undin.nn.convolutions import CausalConv, TransposedConv
from undin.nn.layers import Flow, Streaming, compressed_magnitude, total_state
from undin.nn.recurrent import FullBandRecurrent


class CRN(Streaming):
    """Enhance a spectrum by a mask in [0, 1] on its magnitude; the phase stays noisy.

    Parameters
    ----------
    n_fft : int
        Size of the transform; its half must be divisible by 2 to the number of stages. The bin at half the sample rate
        is set to zero.
    channels : sequence of int
        Features after each stage of the encoder, each with half the bands of the one before. The paper's five stages
        lead from 161 bins to 4 bands; six lead there from 256.
    recurrent_layers : int
        LSTMs stacked in the middle, each with as many units as there are features; 0 for the plain U-Net.
    compression : float
        Power of the magnitude that the network sees; 1 in the paper.
    """

    kernel = (2, 3)

    def __init__(
        self,
        *,
        sample_rate: int,
        n_fft: int,
        channels: Sequence[int] = (16, 32, 64, 128, 256, 256),
        recurrent_layers: int = 2,
        compression: float = 0.3,
    ):
        super().__init__()
        self.bins, self.compression = n_fft // 2, compression
        if n_fft % 2 ** (len(channels) + 1):
            raise ValueError(f"n_fft {n_fft} cannot be halved by {len(channels)} stages: take fewer channels")
        self.downs, self.ups = nn.ModuleList(), nn.ModuleList()
        widths = [1, *channels]
        for stage, (above, below) in enumerate(pairwise(widths)):
            bands = self.bins >> stage
            self.downs.append(CausalConv(above, below, bands=bands, kernel=self.kernel, stride=2, norm=True))
            self.ups.append(TransposedConv(2 * below, above, bands=bands // 2, kernel=self.kernel, norm=stage > 0))
        self.recurrent = None
        if recurrent_layers:
            bands = self.bins >> len(channels)
            self.recurrent = FullBandRecurrent(
                "lstm", channels[-1], bands, hidden=channels[-1] * bands, layers=recurrent_layers
            )
        self.state_size = total_state(self._layers())

    def _layers(self) -> list[Streaming]:
        return [*self.downs, *([self.recurrent] if self.recurrent else []), *self.ups]

    def forward(self, spec: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Enhance ``spec (B, T, F, 2)`` from ``state (B, state_size)``; return the same shapes."""
        flow = Flow(self._layers(), state)
        noisy = spec[:, :, : self.bins]
        x = compressed_magnitude(noisy, self.compression)[:, None]
        downs = []
        for down in self.downs:
            x = functional.elu(flow(down, x))
            downs.append(x)
        if self.recurrent:
            x = flow(self.recurrent, x)
        for stage in reversed(range(len(downs))):
            x = flow(self.ups[stage], torch.cat((x, downs[stage]), dim=1))
            x = functional.elu(x) if stage else torch.sigmoid(x)
        return functional.pad(noisy * x[:, 0, :, :, None], (0, 0, 0, 1)), flow.state()
