"""How steadily the phase of each bin turns: what parts the hum of a machine from a voice that holds a note.

Both stand still in magnitude. But a machine turns at one speed, or changes it slowly, and a voice never does: healthy
pitch periods differ by half a per cent from one to the next. Read `layers.py` first for protocol and layout.
"""

import torch
from torch import Tensor

from undin.nn.layers import Streaming, complex_product
from undin.nn.norms import running_sum


class Steadiness(Streaming):
    """Tell for each bin, between 0.03 and 1, how evenly its phase has been turning of late.

    The phase that a bin advances by from frame to frame is compared with the advance before. Where a sinusoid keeps its
    frequency, or glides, the difference is the same in every frame, and unit vectors of that angle add up; noise and
    the periods of a voice scatter it. Hum comes out above 0.65, a voice that holds or sings seldom above 0.5, a
    drone that wobbles between the two, speech at 0.05 (``research/runs/026-steady-phase.md``). The level of the input
    does not matter, and digital zeros are not steady.

    Unit vectors of a phase averaged over time are known from Lachaux et al., "Measuring phase synchrony in brain
    signals", Human Brain Mapping 8, 1999; here they are those of its second difference.

    Parameters
    ----------
    bins : int
    frames : int
        How long the past is: after as many frames the weight of one has fallen to 1/e, about.
    """

    floor = 1e-6
    """Of a magnitude. A full-scale sine reaches a hundred and more, silence of 16 bits a thousandth."""
    softness = 0.03
    """Lack of steadiness that halves what is told: a tenth of a voice's, a few times that of a machine in hiss."""

    def __init__(self, bins: int, *, frames: int):
        super().__init__()
        self.bins = bins
        self.decay = 1 - 1 / frames
        self.state_size = 3 * 2 * bins

    def forward(self, spec: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Take spectra ``(B, T, F, 2)`` and return ``(B, T, F)``."""
        last_phase, last_turn, last_sum = state.view(len(state), 3, 1, self.bins, 2).unbind(1)
        phase = spec / (spec.square().sum(-1, keepdim=True).sqrt() + self.floor)
        turn = _since(phase, last_phase)
        change = (1 - self.decay) * _since(turn, last_turn)
        sums = running_sum(change.flatten(2), last_sum.flatten(2), decay=self.decay).view(change.shape)
        scatter = 1 - (sums.square().sum(-1) + self.floor**2).sqrt()
        state = torch.stack((phase[:, -1], turn[:, -1], sums[:, -1]), dim=1).flatten(1)
        return self.softness / (self.softness + scatter), state


def _since(phase: Tensor, last: Tensor) -> Tensor:
    """By what unit vectors ``(B, T, F, 2)`` have turned since the frame before; `last` is that before the first."""
    before = torch.cat((last, phase[:, :-1]), dim=1)
    return complex_product(phase, before * before.new_tensor([1.0, -1.0]))
