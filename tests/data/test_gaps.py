"""Packets are lost at a rate, switches stay for a while, and a gate knows when somebody speaks."""

import numpy as np
import pytest
import torch
from support.made_up_audio import SAMPLE_RATE

from undin.data.gaps import LOSS, PACKET_UNITS, gate, switched

pytestmark = pytest.mark.quick


def runs(heard: np.ndarray) -> np.ndarray:
    """Lengths of the stretches between changes, but for the first and the last."""
    return np.diff(np.flatnonzero(np.diff(heard.astype(int)) != 0))


def test_calls_lose_packets_or_are_switched():
    generator = np.random.default_rng(0)
    heard = np.stack([switched(generator, 300) for _ in range(400)])
    assert heard.shape == (400, 300) and heard.dtype == bool
    lost = 1 - heard.mean(1)
    shortest = np.array([runs(row).min(initial=300) for row in heard])
    assert shortest.min() >= min(PACKET_UNITS)
    assert ((lost > LOSS[0]) & (lost < LOSS[1] + 0.1)).mean() > 0.4
    assert 0.1 < (lost > 0.4).mean() < 0.5  # switched off for long


def test_a_gate_opens_for_speech_and_stays_open_for_a_while():
    speech = torch.zeros(SAMPLE_RATE)
    speech[3200:6400] = 0.1  # frames 10 to 19
    speech[6400:] = 1e-4
    heard = gate(speech, below_db=20.0, hold_frames=5, sample_rate=SAMPLE_RATE)
    assert torch.equal(heard, (torch.arange(SAMPLE_RATE) >= 3200) & (torch.arange(SAMPLE_RATE) < 8000))


@pytest.mark.parametrize("samples", [320, 321, 639])
def test_a_gate_is_as_long_as_the_signal(samples):
    assert gate(torch.ones(samples), below_db=10.0, hold_frames=2, sample_rate=SAMPLE_RATE).all()
    assert gate(torch.ones(samples), below_db=10.0, hold_frames=2, sample_rate=SAMPLE_RATE).shape == (samples,)
