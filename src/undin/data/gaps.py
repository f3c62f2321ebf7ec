"""Digital zeros in a call: packets that were lost, gates, push to talk.

They are in the noisy signal and in the target alike: what never came cannot be brought back, and what comes beside
zeros shall be heard as without them. `mixing.py` draws them for a share of the segments.
"""

import numpy as np
from torch import Tensor
from torch.nn import functional

from undin.data.level import frame_length, frame_power

UNIT_MS = 10
"""Zeros that have nothing to do with what is said last for multiples of this, from any sample on."""
PACKET_UNITS = (1, 2, 4, 6)
LOSS = (0.02, 0.3)
"""Share of packets that are lost."""
SWITCH_S = (0.1, 2.0)
"""Mean time for which a switch stays open or closed, uniform in its logarithm."""
MIN_HEARD = 0.2
"""Where less would be left, all is heard."""


def switched(generator: np.random.Generator, units: int) -> np.ndarray:
    """Draw which units are heard where packets get lost, or where somebody switches on and off.

    Returns
    -------
    ndarray of bool, shape (units,)
    """
    heard = generator.choice([_packets, _switch])(generator, units)
    return heard if heard.mean() >= MIN_HEARD else np.ones(units, bool)


def _packets(generator: np.random.Generator, units: int) -> np.ndarray:
    packet = generator.choice(PACKET_UNITS)
    came = generator.random(-(-units // packet)) >= generator.uniform(*LOSS)
    return np.repeat(came, packet)[:units]


def _switch(generator: np.random.Generator, units: int) -> np.ndarray:
    open_and_closed = np.exp(generator.uniform(*np.log(SWITCH_S), 2)) * 1000 / UNIT_MS
    lengths = np.ceil(generator.exponential(np.resize(open_and_closed, units))).astype(int)
    is_open = np.arange(units) % 2 == generator.integers(2)
    return np.repeat(is_open, lengths)[:units]


def gate(speech: Tensor, *, below_db: float, hold_frames: int, sample_rate: int) -> Tensor:
    """Open for frames of speech, and for some after.

    Parameters
    ----------
    speech : Tensor, shape (N,)
        Without noise: a gate of this kind knows well when somebody speaks.
    below_db : float
        How far below the mean power of the whole a frame may lie and still open the gate.
    hold_frames : int
        Of 20 ms, for which the gate stays open.
    sample_rate : int
        Hz.

    Returns
    -------
    Tensor of bool, shape (N,)
    """
    frame = frame_length(sample_rate)
    power = frame_power(functional.pad(speech, (0, -len(speech) % frame)), sample_rate=sample_rate)
    speaks = power > power.mean() * 10 ** (-below_db / 10)
    held = functional.pad(speaks, (hold_frames, 0)).unfold(0, hold_frames + 1, 1).any(-1)
    return held.repeat_interleave(frame)[: len(speech)]
