"""The way between two sound cards, with cards that the tests play: clocks apart, bursts, delays, rates."""

import ctypes

import numpy as np
import pytest

from undin import Stream, load
from undin.engines.native import stream_library
from undin.live.path import Live, Path

MODEL = "undin-nano"
CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int,
    *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ulong, ctypes.POINTER(ctypes.c_double)),
    *(ctypes.c_ulong, ctypes.c_void_p),
)


class Cards:
    """Two sound cards whose callbacks are called in the order of a simulated time.

    Parameters
    ----------
    input_rate, output_rate : int
        As they are called, Hz.
    input_ppm : float
        By how much the input's clock is faster than it says.
    blocks : tuple of int
        Of the input and the output, frames.
    jitter_s : float
        The most by which a call comes late.
    """

    def __init__(
        self, signal, input_rate=48_000, output_rate=48_000, *, input_ppm=0.0, blocks=(128, 128), jitter_s=1e-3
    ):
        channels = signal.shape[1]
        self.path = Path(
            load(MODEL),
            channels=channels,
            input_rate=input_rate,
            output_rate=output_rate,
            output_channels=channels,
        )
        self.signal, self.blocks, self.jitter_s = signal, blocks, jitter_s
        self.periods = blocks[0] / (input_rate * (1 + 1e-6 * input_ppm)), blocks[1] / output_rate
        self.calls = CALLBACK(self.path.input_callback), CALLBACK(self.path.output_callback)
        self.stall = (0.0, 0.0)

    def play(self) -> np.ndarray:
        """What the output got until the signal was over; (n, channels)."""
        random, played, given = np.random.default_rng(0), [], 0
        turn, due, late = [0, 0], [1.0, 1.0], [0.0, 0.0]  # a clock that began long ago
        times = (ctypes.c_double * 3)()
        while given < len(self.signal):
            side = int(due[1] + late[1] < due[0] + late[0])
            times[1] = due[side] + late[side]
            count, block = self.blocks[side], None
            if side == 0:
                block = np.ascontiguousarray(self.signal[given : given + count])
                given += len(block)
                self.calls[0](block.ctypes.data, None, len(block), times, 0, self.path.address)
            else:
                block = np.empty((count, self.signal.shape[1]), np.float32)
                self.calls[1](None, block.ctypes.data, count, times, 0, self.path.address)
                played.append(block)
            before = due[side] + late[side]
            turn[side] += 1
            due[side] = 1.0 + turn[side] * self.periods[side]
            late[side] = max(random.uniform(0, self.jitter_s), before - due[side])  # no call overtakes the one before
            if side == 0 and self.stall[0] <= due[0] < self.stall[0] + self.stall[1]:
                late[0] = self.stall[0] + self.stall[1] - due[0]
        return np.concatenate(played)


def sine(seconds: float, rate_hz: int, channels: int = 1) -> np.ndarray:
    one = 0.5 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate_hz)) / rate_hz)
    return np.repeat(one.astype(np.float32)[:, None], channels, axis=1)


def roughness(samples: np.ndarray, hz: float, rate_hz: float) -> float:
    """The most by which a sample is off what its neighbours say, for a sine of this frequency: large at a click."""
    middle = 2 * np.cos(2 * np.pi * hz / rate_hz) * samples[1:-1]
    return float(np.abs(samples[:-2] + samples[2:] - middle).max())


def sounding(samples: np.ndarray) -> np.ndarray:
    """Without the beginning, in which the queue learns."""
    return samples[60_000:]


@pytest.mark.quick
def test_the_structure_is_that_of_c():
    size = stream_library().undin_live_bytes
    size.restype = ctypes.c_size_t
    assert size() == ctypes.sizeof(Live)


@pytest.mark.parametrize("channels", [1, 2])
def test_cards_of_one_clock_give_the_samples_of_a_stream(channels):
    noisy = np.random.default_rng(1).uniform(-0.3, 0.3, (96_000, channels)).astype(np.float32)
    cards = Cards(noisy, blocks=(480, 128))
    played = cards.play()
    wanted = Stream(48_000, channels=channels, model=MODEL).process(noisy)
    tail = played[-4800:]
    (shift,) = (at for at in range(0, 4800) if np.array_equal(wanted[len(wanted) - 4800 - at :][:4800], tail))
    told = cards.path.told()
    assert told.gaps == 0 and told.drift_ppm == 0
    assert shift / 48_000 < 0.005 + 2e-3 + (480 + 128) / 48_000  # slack, jitter, a block of each


@pytest.mark.parametrize("ppm", [200, -200])
@pytest.mark.parametrize("blocks", [(128, 128), (480, 441)])
def test_two_clocks_drift_apart_without_a_click(ppm, blocks):
    cards = Cards(sine(60, 48_000), input_ppm=ppm, blocks=blocks)
    cards.path.set(atten_lim_db=0, bypass=False)
    played = sounding(cards.play()[:, 0])
    told = cards.path.told()
    assert told.gaps == 0
    assert told.drift_ppm == pytest.approx(ppm, abs=60)
    assert np.abs(played).max() < 0.501 and roughness(played, 440, 48_000) < 1e-4
    assert told.queue_s < 0.03


@pytest.mark.parametrize("rates", [(48_000, 44_100), (16_000, 48_000), (44_100, 16_000)])
def test_cards_of_two_rates_play_the_same_sound(rates):
    cards = Cards(sine(4, rates[0]), *rates, input_ppm=50)
    cards.path.set(atten_lim_db=0, bypass=False)
    played = cards.play()[int(1.3 * rates[1]) :, 0]
    assert cards.path.told().gaps == 0
    assert roughness(played, 440, rates[1]) < 2e-4 and 0.49 < np.abs(played).max() < 0.501


def test_a_late_card_makes_one_gap_that_fades():
    cards = Cards(sine(8, 48_000))
    cards.path.set(atten_lim_db=0, bypass=False)
    cards.stall = (4.0, 0.08)
    played = sounding(cards.play()[:, 0])
    assert cards.path.told().gaps == 1
    assert (played == 0).any() and np.abs(np.diff(played)).max() < 0.5 * 2 * np.pi * 440 / 48_000 + 0.01
    assert np.abs(played[-4800:]).max() > 0.499


def test_bursts_are_learnt():
    cards = Cards(sine(4, 48_000), blocks=(2048, 64))
    cards.path.set(atten_lim_db=0, bypass=False)
    cards.play()
    assert cards.path.told().gaps == 0
