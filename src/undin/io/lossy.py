"""Bit rates of lossy files: the one that a file has, and what makes libsndfile's encoders keep it.

libsndfile takes no bit rate but a level, 0 for the best and 1 for the smallest, which each encoder reads in its own way
(mpeg_l3_encode.c, ogg_opus.c, ogg_vorbis.c of libsndfile 1.2).
"""

import io
import struct
from functools import cache
from typing import IO, Any, NamedTuple

import numpy as np
import soundfile

from undin.io import mp3, ogg

SUBTYPES = {"MPEG_LAYER_III", "VORBIS", "OPUS"}
"""What is lossy, and has a level."""

OPUS_BITS_PER_S = 6_000, 256_000
"""Of a channel, at the levels 1 and 0."""

MP3_BITS_PER_S = {True: (32_000, 320_000), False: (8_000, 160_000)}
"""The same of a file, from 32 kHz on and below."""

VORBIS_BITS_PER_S = struct.Struct("<48xi")
"""What the first page of a Vorbis file states as its usual bit rate."""

MAX_LEVEL = 0.99
"""LAME takes no level of 1."""

VORBIS_STEPS = 10
TONE_SECONDS = 0.5


class BitRate(NamedTuple):
    """What a lossy file spends: bits a second of all channels together, and whether all frames have as many."""

    bits_per_s: int
    is_constant: bool = False


def read_bit_rate(file: IO[bytes], subtype: str, *, size: int, seconds: float | None) -> BitRate | None:
    """Return the bit rate of a file of `size` bytes, tags not counted; None where it is not lossy, or tells too little.

    Parameters
    ----------
    file : binary file
    subtype : str
        Of MP3 or Ogg, by libsndfile's name.
    size : int
    seconds : float or None
        Its length as far as it is known.
    """
    if subtype == "MPEG_LAYER_III":
        found = mp3.mean_bits_per_s(file)
        return BitRate(*found) if found else None
    if subtype == "OPUS" and seconds:
        return BitRate(round(8 * (size - ogg.sound_offset(file)) / seconds))
    if subtype == "VORBIS":
        file.seek(0)
        page = file.read(VORBIS_BITS_PER_S.size)
        (stated,) = VORBIS_BITS_PER_S.unpack(page) if len(page) == VORBIS_BITS_PER_S.size else (0,)
        return BitRate(stated) if stated > 0 else None
    return None


def options(
    subtype: str, sample_rate: int, channels: int, *, bit_rate: BitRate | None, quality: float | None
) -> tuple[dict[str, Any], float]:
    """Return what soundfile is to be told beside the encoding, and what samples must be multiplied by.

    Parameters
    ----------
    subtype : str
    sample_rate, channels : int
    bit_rate : BitRate or None
        To be kept.
    quality : float or None
        In place of it: 0 for the smallest, 1 for the best. Where neither is given, the encoder's usual holds.
    """
    if subtype not in SUBTYPES or (bit_rate is None and quality is None):
        return {}, 1.0
    if quality is not None:
        return {"compression_level": min(1 - quality, MAX_LEVEL)}, 1.0
    if subtype == "VORBIS":
        return {"compression_level": _vorbis_level(sample_rate, channels, bit_rate.bits_per_s)}, 1.0
    if subtype == "OPUS":
        return {"compression_level": _level(bit_rate.bits_per_s / channels, OPUS_BITS_PER_S)}, 1.0
    level = _level(bit_rate.bits_per_s, MP3_BITS_PER_S[sample_rate >= 32_000])
    mode = "CONSTANT" if bit_rate.is_constant else "AVERAGE"
    return {"compression_level": level, "bitrate_mode": mode}, 1 / lame_gain(sample_rate, channels, level, mode)


def mp3_gain(sample_rate: int, channels: int, bits_per_s: int) -> float:
    """By how much LAME turns sound up at a constant bit rate; mostly down."""
    return lame_gain(sample_rate, channels, _level(bits_per_s, MP3_BITS_PER_S[sample_rate >= 32_000]), "CONSTANT")


@cache
def lame_gain(sample_rate: int, channels: int, level: float, mode: str) -> float:
    """By how much LAME turns sound up where it holds a bit rate: by 0.95 at low ones, against clipping, by 1 at others.

    It says so nowhere, so that a tone must tell.
    """
    tone = 0.1 * np.exp(2j * np.pi / 16 * np.arange(round(TONE_SECONDS * sample_rate)))
    file = io.BytesIO()
    samples = np.repeat(tone.real[:, None], channels, axis=1)
    settings = {"format": "MP3", "subtype": "MPEG_LAYER_III", "compression_level": level, "bitrate_mode": mode}
    soundfile.write(file, samples, sample_rate, **settings)
    file.seek(0)
    decoded = soundfile.read(file, always_2d=True)[0][: len(tone), 0]
    middle = slice(len(decoded) // 4, 3 * len(decoded) // 4)
    return float(np.abs(np.vdot(tone[middle], decoded[middle])) / np.abs(np.vdot(tone[middle], tone.real[middle])))


@cache
def _vorbis_level(sample_rate: int, channels: int, bits_per_s: int) -> float:
    """The level at which Vorbis states a bit rate: a file without samples states it too."""
    best, worst = 0.0, 1.0
    for _ in range(VORBIS_STEPS):
        level = (best + worst) / 2
        file = io.BytesIO()
        soundfile.SoundFile(file, "w", sample_rate, channels, "VORBIS", format="OGG", compression_level=level).close()
        (stated,) = VORBIS_BITS_PER_S.unpack_from(file.getvalue())
        best, worst = (best, level) if stated < bits_per_s else (level, worst)
    return (best + worst) / 2


def _level(bits_per_s: float, span: tuple[int, int]) -> float:
    least, most = span
    return min(max((most - bits_per_s) / (most - least), 0.0), MAX_LEVEL)
