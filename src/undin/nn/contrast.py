"""How far each bin stands out from what is around it: quotients, which a network of sums and products learns badly.

Read `layers.py` first for protocol and layout.
"""

import torch
from torch import Tensor
from torch.nn import functional

from undin.nn.layers import Streaming
from undin.nn.norms import running_sum


class Contrast(Streaming):
    """Divide each magnitude by its mean over past frames, and by the mean of its neighbours in the frame.

    Noise that lasts is near one in the first, whatever its colour, and speech is not; harmonics and formants stand out
    in the second. Neither changes with the level of the input. The mean over the past forgets exponentially, and is
    corrected for what it has not seen yet, so that it holds from the first frame on.

    To divide by the past is known from Wang et al., "Trainable frontend for robust and far-field keyword spotting",
    ICASSP 2017.

    Parameters
    ----------
    bins : int
    frames : int
        How long the past is: after as many frames the weight of one has fallen to 1/e, about.
    neighbours : int
        Bins on either side, the bin itself counts too; fewer at the ends of the spectrum.
    """

    def __init__(self, bins: int, *, frames: int, neighbours: int):
        super().__init__()
        self.decay = 1 - 1 / frames
        self.neighbours = neighbours
        self.state_size = bins + 1

    def forward(self, magnitude: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Take positive magnitudes ``(B, T, F)`` and return their two quotients ``(B, T, F, 2)``."""
        # a bin of ones tells how much has been seen
        sums = running_sum(functional.pad(magnitude, (0, 1), value=1.0), state[:, None], decay=self.decay)
        past = sums[..., :-1] / sums[..., -1:]
        width = 2 * self.neighbours + 1
        around = functional.avg_pool1d(magnitude, width, stride=1, padding=self.neighbours, count_include_pad=False)
        return torch.stack((magnitude / past, magnitude / around), dim=-1), sums[:, -1]
