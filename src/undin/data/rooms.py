"""Impulse responses of rooms, split into the early part, which a target keeps, and the late part.

Rooms are simulated, by as many as are wanted, and measured ones stand beside them where there are recordings of any.

Early reflections come from image sources (Allen & Berkley, "Image method for efficiently simulating small-room
acoustics", JASA 65, 1979). The late part is diffuse noise under an exponential decay (Polack, "La transmission de
l'énergie sonore dans les salles", 1988) with the energy that the image sources would have there, known in closed form.
Polack puts the border between both at √V milliseconds (V in m³), below 18 ms in these rooms: 50 ms are on the safe
side.

Why not pyroomacoustics: it takes 0.33 s a room (mean of 30 rooms of this kind, one core), 100 s for the 300 of a bank,
almost all for millions of late images that sum up to noise. This takes 0.7 ms a room, so a bank needs no cache and
every test can afford one. `tests/data/test_rooms.py` holds the image sources against pyroomacoustics.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from undin.data.bandwidth import FULL_BAND, bandwidth_hz
from undin.data.corpus import FULL_SCALE, Corpus

SPEED_OF_SOUND = 343.0  # m/s
MIN_SIZE_M, MAX_SIZE_M = (2.5, 2.5, 2.3), (9.0, 8.0, 4.0)
DISTANCE_M = (0.3, 3.0)
"""Speaker to microphone, uniform in its logarithm: from a laptop to the far side of a table."""
WALL_DISTANCE_M = 0.3
"""Speaker and microphone keep at least this from the walls."""
DIRECT = 0.5
"""The direct sound is the first that reaches this share of the peak: a reflection may be the loudest."""
RISE_MS, FADE_MS = 1.0, 20.0
"""What of a measured response is kept before its direct sound, and the fade where it is cut off."""
T20_DB = (-5.0, -25.0)
"""ISO 3382: the range of the decay from which a reverberation time is told."""


class RoomBank(NamedTuple):
    """Impulse responses of many rooms; `early + late` is the whole response.

    Attributes
    ----------
    early, late : Tensor, shape (rooms, samples), float32
        The direct sound has gain 1. In simulated rooms it lies at lag 0, so reverberant speech and target are aligned
        with the dry speech, in measured ones 1 ms later. `samples` spans the longest reverberation time that is asked
        for.
    rt60_s : ndarray, shape (rooms,), s
        Reverberation times.
    """

    early: Tensor
    late: Tensor
    rt60_s: np.ndarray

    def joined(self, other: "RoomBank") -> "RoomBank":
        """Both banks, those of `other` last."""
        tensors = (torch.cat(parts) for parts in zip(self[:2], other[:2], strict=True))
        return RoomBank(*tensors, np.concatenate([self.rt60_s, other.rt60_s]))


def room_bank(rooms: int, *, rt60_s: tuple[float, float], early_ms: float, sample_rate: int, seed: int) -> RoomBank:
    """Simulate rooms of random size, reverberation time and places of speaker and microphone.

    Parameters
    ----------
    rooms
        How many.
    rt60_s
        Range of the reverberation time, from which every room draws uniformly, s.
    early_ms
        Reflections later than this after the direct sound are late.
    sample_rate
        Hz.
    seed
        The same seed gives the same rooms.
    """
    generator = np.random.default_rng([seed, 2])
    early_samples = round(early_ms / 1000 * sample_rate) + 1
    samples = max(round(rt60_s[1] * sample_rate), early_samples)
    early, late = np.zeros((2, rooms, samples), dtype=np.float32)
    decays_s = generator.uniform(*rt60_s, rooms)
    for room, decay_s in enumerate(decays_s):
        size = generator.uniform(MIN_SIZE_M, MAX_SIZE_M)
        microphone = generator.uniform(WALL_DISTANCE_M, size - WALL_DISTANCE_M)
        speaker = _place_speaker(generator, size=size, microphone=microphone)
        reflection = _reflection(size, decay_s)
        early[room, :early_samples] = image_sources(
            size, speaker, microphone, reflection=reflection, early_ms=early_ms, sample_rate=sample_rate
        )
        distance = np.linalg.norm(speaker - microphone)
        time_s = np.arange(early_samples, samples) / sample_rate + distance / SPEED_OF_SOUND
        # at the time t after the speaker 4π c³ t² / V images arrive a second, each with (distance / ct)² of the direct
        # sound's energy times what the walls have left
        power = 4 * np.pi * SPEED_OF_SOUND * distance**2 / np.prod(size) / sample_rate * 10 ** (-6 * time_s / decay_s)
        late[room, early_samples:] = np.sqrt(power) * generator.standard_normal(len(time_s))
    return RoomBank(torch.from_numpy(early), torch.from_numpy(late), decays_s)


def measured_bank(responses: Corpus, *, samples: int, early_ms: float) -> RoomBank:
    """Bring measured responses into the form of a bank.

    Parameters
    ----------
    responses
        A room, or a place in one, a file.
    samples
        Of each response; longer ones are faded out there.
    early_ms
        Reflections later than this after the direct sound are late.

    Raises
    ------
    ValueError
        A response holds nothing in the treble that its sample rate allows.
    """
    rate = responses.sample_rate
    for name, band_hz in zip(responses.names, bandwidth_hz(responses), strict=True):
        if band_hz < FULL_BAND * rate / 2:
            raise ValueError(f"{name}: the room was measured up to {band_hz:.0f} Hz only, not for audio at {rate} Hz")
    rise, fade = round(RISE_MS * rate / 1000), round(FADE_MS * rate / 1000)
    window = torch.ones(samples)
    window[-fade:] = 0.5 + 0.5 * torch.cos(torch.pi * torch.arange(fade) / fade)
    is_early = torch.arange(samples) <= rise + round(early_ms / 1000 * rate)
    files = zip(responses.starts.tolist(), responses.lengths.tolist(), strict=True)
    whole = torch.stack([_from_direct(responses.samples[at : at + length], rise, samples) for at, length in files])
    whole *= window
    return RoomBank(whole * is_early, whole * ~is_early, np.array([_rt60_s(one.numpy(), rate) for one in whole]))


def image_sources(
    size: np.ndarray,
    speaker: np.ndarray,
    microphone: np.ndarray,
    *,
    reflection: float,
    early_ms: float,
    sample_rate: int,
) -> np.ndarray:
    """The direct sound and all reflections up to `early_ms` after it, relative to the direct sound in time and level.

    Arrivals are rounded to whole samples as by Allen & Berkley: one microphone cannot tell a path from one 1 cm longer.

    Parameters
    ----------
    size, speaker, microphone : ndarray, shape (3,)
        Of a box with a corner at the origin, m.
    reflection
        Factor of amplitude at every wall; negative, since with a positive one the reflections pile up at low
        frequencies (Lehmann & Johansson, JASA 124, 2008).
    early_ms, sample_rate
        As for `room_bank`.

    Returns
    -------
    ndarray, shape (samples,)
        1 at lag 0, then the reflections.
    """
    direct = np.linalg.norm(speaker - microphone)
    samples = round(early_ms / 1000 * sample_rate) + 1
    reach = direct + (samples - 0.5) / sample_rate * SPEED_OF_SOUND  # all that rounds to the last sample or before
    squared, bounces = np.zeros(1), np.zeros(1)
    for length, source, receiver in zip(size, speaker, microphone, strict=True):
        # along one axis the images lie at 2 n length ± source, after |2n| and |2n - 1| reflections
        n = np.arange(-np.ceil(reach / length / 2), np.ceil(reach / length / 2) + 1)
        offset = np.concatenate([2 * n * length + source, 2 * n * length - source]) - receiver
        squared = np.add.outer(squared, offset**2).ravel()
        bounces = np.add.outer(bounces, np.abs(np.concatenate([2 * n, 2 * n - 1]))).ravel()
        bounces, squared = bounces[squared < reach**2], squared[squared < reach**2]
    distance = np.sqrt(squared)
    lag = np.rint((distance - direct) / SPEED_OF_SOUND * sample_rate).astype(np.int64)
    return np.bincount(lag, reflection**bounces * direct / distance, minlength=samples)[:samples]


def _from_direct(response: Tensor, rise: int, samples: int) -> Tensor:
    """A response (N,) of integers as (samples,), with its direct sound at lag `rise` and gain 1."""
    response = response.cpu() / FULL_SCALE
    size = response.abs()
    first = int((size >= DIRECT * size.max()).int().argmax())
    direct = first + int(size[first : first + rise].argmax())
    found = functional.pad(response, (rise, samples))[direct : direct + samples]
    return found / found[rise].abs()


def _rt60_s(response: np.ndarray, rate: int) -> float:
    """Reverberation time by Schroeder's backward integration (JASA 37, 1965), from 20 dB of the decay."""
    decay = np.cumsum(response[::-1].astype(float) ** 2)[::-1]
    first, last = ((decay < decay[0] * 10 ** (level_db / 10)).argmax() for level_db in T20_DB)
    return 3 * (last - first) / rate


def _reflection(size: np.ndarray, rt60_s: float) -> float:
    """Negative factor of amplitude at equal walls for a reverberation time (Eyring, JASA 1, 1930)."""
    surface = 2 * (size[0] * size[1] + size[1] * size[2] + size[2] * size[0])
    energy = np.exp(-24 * np.log(10) * np.prod(size) / (SPEED_OF_SOUND * surface * rt60_s))
    return -float(np.sqrt(energy))


def _place_speaker(generator: np.random.Generator, *, size: np.ndarray, microphone: np.ndarray) -> np.ndarray:
    """A place at a random distance from the microphone, towards the middle of the room so that it fits in."""
    direction = np.abs(generator.standard_normal(3)) * np.where(microphone < size / 2, 1, -1)
    distance = np.exp(generator.uniform(*np.log(DISTANCE_M)))
    place = microphone + distance * direction / np.linalg.norm(direction)
    return place.clip(WALL_DISTANCE_M, size - WALL_DISTANCE_M)
