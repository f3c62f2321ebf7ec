"""Audio files in and out: read any file in blocks, write the same kind of file in one piece or not at all.

All decoding and encoding is libsndfile's (through soundfile). This file adds what a careful tool needs on top: blocks
of float32 in constant memory, errors that name the file, correct rounding and clipping to integers, and outputs that
appear only when complete. Tags and cover pictures are not carried over. It knows nothing of resampling (c/stream)
or of networks; `cli/recording.py` shows it at work.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile

from undin.io.files import replacing

BLOCK_SAMPLES = 16384

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
"""Container format by file suffix; a folder's audio files are the ones with these suffixes."""

BITS_OF_SUBTYPE = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
FLOAT_SUBTYPES = {"FLOAT", "DOUBLE"}
# What libsndfile gives as the length of a stream that does not state it (FLAC written to a pipe).
UNKNOWN_LENGTH = 2**63 - 1


@dataclass(frozen=True)
class AudioInfo:
    """What the header of an audio file says.

    Attributes
    ----------
    sample_rate : int
        Sample rate, Hz.
    channels : int
        Number of channels.
    length_samples : int or None
        Samples a channel that the header promises, None where it does not say. Damaged files may hold fewer.
    format, subtype : str
        Container and encoding in libsndfile's names, for example "WAV" and "PCM_16".
    """

    sample_rate: int
    channels: int
    length_samples: int | None
    format: str
    subtype: str


class _SequentialFile(soundfile.SoundFile):
    """A file that is read from start to end without seeking.

    soundfile seeks after every read of a seekable file. An MP3 decoder loses its bit reservoir by that, which damages
    the samples after every block border, and a FLAC of unknown length cannot be read at all.
    """

    def seekable(self) -> bool:
        return False


def read_info(path: str | os.PathLike) -> AudioInfo:
    """Return what the header of the audio file at `path` says; raise as `read_blocks` does."""
    with _open(path) as file:
        return _info(file)


def read_blocks(path: str | os.PathLike, *, block_samples: int = BLOCK_SAMPLES) -> Iterator[np.ndarray]:
    """Decode an audio file block by block.

    Parameters
    ----------
    path : path
        Any file that libsndfile decodes: WAV, FLAC, OGG Vorbis, OGG Opus, MP3, AIFF and more.
    block_samples : int
        Samples a channel of each block; the last may be shorter.

    Yields
    ------
    ndarray (n, channels), float32
        Full scale is [-1, 1]; float and lossy files may exceed it, and float files may hold NaN or infinity.

    Raises
    ------
    OSError
        The file is missing or may not be read.
    ValueError
        It is not audio that libsndfile knows, or the decoder fails on damaged data part-way.
    """
    with _open(path) as file:
        decoded_samples = 0
        while True:
            try:
                block = file.read(block_samples, dtype="float32", always_2d=True)
            except soundfile.SoundFileError as error:
                seconds = decoded_samples / file.samplerate
                raise ValueError(f"{path}: damaged, decoding stops after {seconds:.1f} s ({_reason(error)})") from error
            if not len(block):
                return
            decoded_samples += len(block)
            yield block


def read(path: str | os.PathLike) -> tuple[np.ndarray, int]:
    """Decode a whole audio file: samples (N, channels) float32 and the sample rate in Hz; raise as `read_blocks`."""
    info = read_info(path)
    return np.concatenate([np.zeros((0, info.channels), np.float32), *read_blocks(path)]), info.sample_rate


def output_info(path: str | os.PathLike, *, source: str | os.PathLike, source_info: AudioInfo) -> AudioInfo:
    """Choose how to encode the file `path` that is made from the file `source`.

    The same suffix keeps format and bit depth. Another suffix takes the format of that suffix, with the bit depth of
    the source where the format has it, 24 bits for deeper ones, and the format's usual encoding otherwise.

    Raises
    ------
    ValueError
        The suffix of `path` names no format, or libsndfile cannot write that format.
    """
    suffix = Path(path).suffix.lower()
    if suffix == Path(source).suffix.lower():
        chosen = source_info
    elif suffix in FORMAT_OF_SUFFIX:
        target_format = FORMAT_OF_SUFFIX[suffix]
        usual = "OPUS" if suffix == ".opus" else soundfile.default_subtype(target_format)
        deep = source_info.subtype in FLOAT_SUBTYPES or source_info.subtype == "PCM_32"
        uncompressed = [source_info.subtype, "PCM_24" if deep else usual]
        known = [name for name in uncompressed if name in BITS_OF_SUBTYPE or name in FLOAT_SUBTYPES]
        subtype = next((name for name in known if soundfile.check_format(target_format, name)), usual)
        chosen = replace(source_info, format=target_format, subtype=subtype)
    else:
        known_suffixes = " ".join(FORMAT_OF_SUFFIX)
        raise ValueError(f"{path}: no audio format has the suffix {suffix!r}; use one of {known_suffixes}")
    if not soundfile.check_format(chosen.format, chosen.subtype):
        raise ValueError(
            f"{path}: libsndfile reads but cannot write {chosen.format} {chosen.subtype}; "
            "name an output with another suffix, such as .wav"
        )
    return chosen


@contextmanager
def open_writer(path: str | os.PathLike, info: AudioInfo) -> Iterator[Callable[[np.ndarray], None]]:
    """Write an audio file block by block; it appears at `path` when the block of the `with` ends without an error.

    Parameters
    ----------
    path : path
        Where the file goes; a file that is there already stays untouched until the new one is complete.
    info : AudioInfo
        Sample rate, channels, format and subtype; the length does not matter.

    Yields
    ------
    write : function of a block (n, channels) or (n,), float32
        Integer formats round to the nearest step and clip to full scale; float formats keep everything.

    Raises
    ------
    OSError
        The place cannot be written, or holds something else than a file.
    ValueError
        libsndfile cannot encode such audio, for example Opus at 44.1 kHz, or the disk is full.
    """
    with replacing(path) as partial:
        partial.touch()  # Python's error for a forbidden place says why, libsndfile's only that there was one
        try:
            with soundfile.SoundFile(
                partial, "w", info.sample_rate, info.channels, info.subtype, format=info.format
            ) as file:
                yield lambda block: file.write(_encodable(block, subtype=info.subtype))
        except soundfile.SoundFileError as error:
            raise ValueError(f"{path}: cannot be written ({_reason(error)})") from error
        if not partial.stat().st_size:
            raise ValueError(f"{path}: libsndfile cannot write {info.format} files without samples")


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


def find_files(folder: str | os.PathLike) -> list[Path]:
    """Return the audio files below `folder`, by suffix, sorted; hidden files and folders are left out."""
    folder = Path(folder)
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in FORMAT_OF_SUFFIX
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )


def _open(path: str | os.PathLike) -> soundfile.SoundFile:
    with open(path, "rb"):  # for the operating system's own words where the file is missing, forbidden or a folder
        pass
    if not os.path.getsize(path):
        raise ValueError(f"{path}: empty, it has not even a header")
    try:
        return _SequentialFile(path)
    except soundfile.SoundFileError as error:
        # libsndfile's reason is left out: it tries one decoder after another and tells what the last one disliked.
        raise ValueError(f"{path}: not audio that libsndfile can read, or damaged at its start") from error
    except TypeError as error:  # soundfile takes the suffix .raw for headerless samples
        raise ValueError(f"{path}: headerless audio has no known rate; pipe it through `undin enhance -`") from error


def _info(file: soundfile.SoundFile) -> AudioInfo:
    length_samples = None if file.frames == UNKNOWN_LENGTH else file.frames
    return AudioInfo(file.samplerate, file.channels, length_samples, file.format, file.subtype)


def _encodable(block: np.ndarray, *, subtype: str) -> np.ndarray:
    """Return `block` so that libsndfile encodes it to the nearest value: on its own it rounds floats down in WAV,
    and looks up µ-law and A-law codes beyond the end of its table."""
    if subtype in BITS_OF_SUBTYPE:
        bits = BITS_OF_SUBTYPE[subtype]
        return quantize(block, bits=bits) << (32 - bits)
    if subtype in FLOAT_SUBTYPES:
        return block
    return np.clip(block, -1.0, 1.0)


def _reason(error: soundfile.SoundFileError) -> str:
    """libsndfile's words for what went wrong, without its prefixes and full stop."""
    text = getattr(error, "error_string", None) or str(error)
    return text.removeprefix("Error : ").rstrip(".")
