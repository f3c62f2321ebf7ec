"""Which file gets which format: suffixes, and encodings that a result can be written in without a change of length."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import soundfile

from undin.io.lossy import BitRate
from undin.io.pcm import BITS_OF_SUBTYPE, FLOAT_SUBTYPES

FORMAT_OF_SUFFIX = {
    ".wav": "WAV",
    ".flac": "FLAC",
    ".mp3": "MP3",
    ".ogg": "OGG",
    ".oga": "OGG",
    ".opus": "OGG",
    ".aif": "AIFF",
    ".aiff": "AIFF",
    ".au": "AU",
    ".snd": "AU",
    ".caf": "CAF",
    ".w64": "W64",
    ".rf64": "RF64",
}
"""Container format that an output gets by its suffix."""

AUDIO_SUFFIXES = {*FORMAT_OF_SUFFIX, ".wave", ".bwf", ".bw64", ".aifc", ".sph", ".nist", ".voc"}
"""Suffixes of a folder's audio files. Outputs of the further ones keep the format of what they were made from."""

HEADERLESS_SUFFIXES = {".raw", ".pcm", ".sw", ".sb", ".ub", ".vox", ".gsm", ".al", ".ul", ".sd2"}
"""Suffixes of samples without a header, or with it in another file."""

ONE_FAMILY = ({"WAV", "WAVEX", "RF64"},)
"""Containers that go by the same suffix."""

IN_PLACE_OF = {
    **dict.fromkeys(("IMA_ADPCM", "MS_ADPCM", "GSM610", "G721_32", "G723_24", "G723_40"), "PCM_16"),
    **dict.fromkeys(("NMS_ADPCM_16", "NMS_ADPCM_24", "NMS_ADPCM_32", "VOX_ADPCM"), "PCM_16"),
    **dict.fromkeys(("DWVW_12", "DWVW_16", "DWVW_N"), "PCM_16"),
    "DWVW_24": "PCM_24",
    **dict.fromkeys(("MPEG_LAYER_I", "MPEG_LAYER_II"), "MPEG_LAYER_III"),
}
"""What encodings are written as that libsndfile cannot write at all, or not in the exact length: it fills up blocks, of
a size of its own, and readers then find samples that nobody recorded."""

IN_PLACE_WITHIN = {
    ("WAV", "MPEG_LAYER_III"): "PCM_16",
    ("VOC", "ULAW"): "PCM_16",
    ("VOC", "ALAW"): "PCM_16",
    ("PAF", "PCM_24"): "PCM_16",
}
"""The same, where it is so in one container alone."""

READ_ONLY = {"SD2", "SDS", "RAW", "MAT4", "MAT5", "WVE", "MPC2K"}
"""Containers that libsndfile writes with wrong values, in two files, or that hold no sound for people."""


@dataclass(frozen=True)
class AudioInfo:
    """What an audio file says of itself, as far as that is true.

    Attributes
    ----------
    sample_rate : int
        Sample rate, Hz.
    channels : int
        Number of channels.
    length_samples : int or None
        Samples a channel, None where the file does not say. Damaged files may hold fewer.
    format, subtype : str
        Container and encoding in libsndfile's names, for example "WAV" and "PCM_16".
    bit_rate : BitRate or None
        Of MP3, Vorbis and Opus. PyAV keeps that of the files that it reads by itself.
    quality : float or None
        Of a lossy file to be written, in place of the bit rate: 0 for the smallest, 1 for the best.
    """

    sample_rate: int
    channels: int
    length_samples: int | None
    format: str
    subtype: str
    bit_rate: BitRate | None = None
    quality: float | None = None


def output_info(path: str | os.PathLike[str], *, source: str | os.PathLike[str], source_info: AudioInfo) -> AudioInfo:
    """Choose how to encode the file `path` that is made from the file `source`.

    The same suffix, or another of the same container, keeps format and bit depth, but for encodings that cannot be
    written in the exact length, in place of which stands 16-bit PCM. Another suffix takes the format of that suffix,
    with the bit depth of the source where the format has it, 24 bits for deeper ones, and the format's usual encoding
    otherwise.

    Raises
    ------
    ValueError
        The suffix of `path` names no format, or libsndfile cannot write that format.
    """
    suffix = Path(path).suffix.lower()
    target_format = FORMAT_OF_SUFFIX.get(suffix)
    container, encoding = source_info.format, source_info.subtype
    same = target_format == container or any({target_format, container} <= family for family in ONE_FAMILY)
    if suffix == Path(source).suffix.lower() or (same and suffix != ".opus" and target_format != "RF64"):
        chosen = replace(
            source_info, subtype=IN_PLACE_OF.get(encoding) or IN_PLACE_WITHIN.get((container, encoding)) or encoding
        )
    elif target_format:
        usual = "OPUS" if suffix == ".opus" else soundfile.default_subtype(target_format)
        deep = encoding in FLOAT_SUBTYPES or encoding in ("PCM_32", "ALAC_32")
        uncompressed = [encoding, "PCM_24" if deep else usual]
        known = [name for name in uncompressed if name in BITS_OF_SUBTYPE or name in FLOAT_SUBTYPES]
        subtype = next((name for name in known if soundfile.check_format(target_format, name)), usual)
        chosen = replace(source_info, format=target_format, subtype=subtype, bit_rate=None)
    else:
        known_suffixes = " ".join(FORMAT_OF_SUFFIX)
        raise ValueError(f"{path}: no audio format has the suffix {suffix!r}; use one of {known_suffixes}")
    if chosen.format not in soundfile.available_formats():  # of those that PyAV reads, and writes
        return chosen
    if chosen.format in READ_ONLY or not soundfile.check_format(chosen.format, chosen.subtype):
        raise ValueError(
            f"{path}: libsndfile reads but cannot write {chosen.format} {chosen.subtype}; "
            "name an output with another suffix, such as .wav"
        )
    return chosen
