"""Uncompressed samples: bytes to float32 and back, each sample to its nearest code, or that of ITU-T G.711.

This is what WAV files and raw pipes hold. What is compressed goes through libsndfile (`audio.py`), which also writes
the other containers; `encodable` gives it samples in such a form that it has nothing left to round, since it would not
do it well: floats come out rounded down in ALAC and others, and with wrong codes of A-law and µ-law.
"""

from collections.abc import Callable

import numpy as np

SAMPLE_BYTES = {
    "PCM_S8": 1,
    "PCM_U8": 1,
    "PCM_16": 2,
    "PCM_24": 3,
    "PCM_32": 4,
    "FLOAT": 4,
    "DOUBLE": 8,
    "ALAW": 1,
    "ULAW": 1,
}
"""Bytes of a sample of each uncompressed encoding, by libsndfile's names."""

BITS_OF_SUBTYPE = {
    "PCM_S8": 8,
    "PCM_U8": 8,
    "PCM_16": 16,
    "PCM_24": 24,
    "PCM_32": 32,
    "ALAC_16": 16,
    "ALAC_20": 20,
    "ALAC_24": 24,
    "ALAC_32": 32,
    "DPCM_8": 8,
    "DPCM_16": 16,
    "DWVW_12": 12,
    "DWVW_16": 16,
    "DWVW_24": 24,
}
"""Word length of each encoding that holds integers."""

FLOAT_SUBTYPES = {"FLOAT", "DOUBLE"}


def decode(data: bytes, *, subtype: str, order: str = "<") -> np.ndarray:
    """Return the samples (n,) float32 that `data` holds; full scale is [-1, 1].

    Parameters
    ----------
    data : bytes
        Whole samples.
    subtype : str
        One of `SAMPLE_BYTES`.
    order : str
        "<" where the lowest byte of a sample comes first, ">" where the highest does.
    """
    if subtype in LAWS:
        return DECODED[subtype][np.frombuffer(data, np.uint8)]
    if subtype in FLOAT_SUBTYPES:
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and taken as silence
            return np.frombuffer(data, f"{order}f{SAMPLE_BYTES[subtype]}").astype(np.float32)
    if subtype == "PCM_U8":
        return (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / np.float32(128)
    if subtype == "PCM_24":
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, slice(1, 4) if order == "<" else slice(0, 3)] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        integers = wide.view(f"{order}i4")[:, 0]  # 256 times the sample
    else:
        integers = np.frombuffer(data, f"{order}i{SAMPLE_BYTES[subtype]}")
    return integers.astype(np.float32) * np.float32(2.0 ** (1 - 8 * integers.itemsize))


def encode(block: np.ndarray, *, subtype: str, order: str = "<") -> bytes:
    """Return samples as bytes, each rounded to its nearest code and clipped to full scale; floats keep everything.

    A-law and µ-law are bit for bit those of ITU-T G.711.

    Parameters
    ----------
    block : ndarray, any shape, float32
        Finite samples, full scale [-1, 1].
    subtype, order
        As in `decode`.
    """
    if subtype in LAWS:
        return _compressed(block, subtype=subtype).tobytes()
    if subtype in FLOAT_SUBTYPES:
        return block.astype(f"{order}f{SAMPLE_BYTES[subtype]}").tobytes()
    integers = quantize(block, bits=BITS_OF_SUBTYPE[subtype])
    if subtype == "PCM_U8":
        return (integers + 128).astype(np.uint8).tobytes()
    if subtype == "PCM_24":
        wide = (integers << 8).astype(f"{order}i4").reshape(-1, 1).view(np.uint8)
        return wide[:, 1:4].tobytes() if order == "<" else wide[:, :3].tobytes()
    return integers.astype(f"{order}i{SAMPLE_BYTES[subtype]}").tobytes()


def encodable(block: np.ndarray, *, subtype: str) -> np.ndarray:
    """Return `block` so that libsndfile encodes it as `encode` does, clipped to full scale."""
    if subtype in LAWS:
        return (DECODED[subtype][_compressed(block, subtype=subtype)] * np.float32(32768)).astype(np.int16)
    if subtype in BITS_OF_SUBTYPE:
        bits = BITS_OF_SUBTYPE[subtype]
        return quantize(block, bits=bits) << (32 - bits)
    return block if subtype in FLOAT_SUBTYPES else np.clip(block, -1.0, 1.0)


def quantize(block: np.ndarray, *, bits: int) -> np.ndarray:
    """Round samples in [-1, 1] to the nearest step of `bits`-bit integers, clipped to full scale.

    Parameters
    ----------
    block : ndarray, any shape, float
        Finite samples; what exceeds [-1, 1] is clipped.
    bits : int
        Word length, at most 32.

    Returns
    -------
    ndarray, same shape, int32
        Integers in [-2^(bits-1), 2^(bits-1) - 1].
    """
    # A float32 holds every step of 24 bits, so that nothing is rounded before its time.
    full_scale = 2.0 ** (bits - 1)
    scaled = block * np.asarray(full_scale, np.float32 if bits <= 24 and block.dtype == np.float32 else np.float64)
    np.rint(scaled, out=scaled)
    return np.clip(scaled, -full_scale, full_scale - 1, out=scaled).astype(np.int32)


def _a_law(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What codes of A-law from 0 to 127 mean, and from which sample on they are used (ITU-T G.711, table 1a)."""
    exponent, mantissa = codes >> 4, codes & 15
    half = 8 << np.maximum(exponent, 1) - 1
    value = np.where(exponent == 0, 16 * mantissa + 8, (16 * mantissa + 264) << np.maximum(exponent, 1) - 1)
    return value, value - half


def _mu_law(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same of µ-law (ITU-T G.711, table 2a)."""
    exponent, mantissa = codes >> 4, codes & 15
    value = ((mantissa << 3) + 132 << exponent) - 132
    return value, np.maximum(value - (4 << exponent), 0)


def _law(law: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], flipped: int) -> tuple[np.ndarray, np.ndarray]:
    """What all codes of a law mean, in steps of 16 bits, and the code of each of the 65,536 samples of 16 bits.

    Samples below 0 have the code of their complement of one, as in the Recommendation's own program (ITU-T G.191):
    where one lies between two codes, others round it another way. `flipped` are the bits that are sent inverted.
    """
    values, edges = law(np.arange(128))
    codes = np.arange(256) ^ flipped
    meaning = np.where(codes & 0x80, values[codes & 0x7F], -values[codes & 0x7F])
    samples = np.arange(65_536).astype(np.uint16).view(np.int16).astype(np.int32)
    magnitudes = np.where(samples < 0, ~samples, samples)
    found = np.searchsorted(edges, magnitudes, side="right") - 1
    return meaning, ((found | np.where(samples < 0, 0, 0x80)) ^ flipped).astype(np.uint8)


LAWS = {"ALAW": _law(_a_law, 0x55), "ULAW": _law(_mu_law, 0x7F)}
"""A-law and µ-law of ITU-T G.711: what each code means, and the code of each sample of 16 bits taken as unsigned."""

DECODED = {name: (meaning / 32768).astype(np.float32) for name, (meaning, _) in LAWS.items()}


def _compressed(block: np.ndarray, *, subtype: str) -> np.ndarray:
    """The codes of samples, uint8 of the same shape: rounded to 16 bits, which is what the laws take."""
    return LAWS[subtype][1][quantize(block, bits=16).astype(np.uint16)]
