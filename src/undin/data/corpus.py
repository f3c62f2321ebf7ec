"""Folders of audio as one int16 tensor in memory, so that no training step ever waits for a file or a decoder.

This only decodes, once: `decoded.py` keeps the result. Which segments are read is `tape.py`, what is made of them is
`mixing.py`.
"""

import dataclasses
import sys
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from undin.data import decoded
from undin.data.recording import Recording, to_mono
from undin.io.audio import read
from undin.io.folder import find_files
from undin.io.resample import resample

FULL_SCALE = 32767.0


@dataclasses.dataclass(frozen=True)
class Corpus:
    """Audio of many files, one after the other.

    Attributes
    ----------
    samples : Tensor, shape (N,), int16
        All files in sorted order of their paths, mono, at `sample_rate`.
    starts, lengths : Tensor, shape (files,), int64, samples
        Where each file begins in `samples` and how long it is.
    names : tuple of str
        The path of each file.
    sample_rate : int
        Hz.
    """

    samples: Tensor
    starts: Tensor
    lengths: Tensor
    names: tuple[str, ...]
    sample_rate: int

    @classmethod
    def load(
        cls,
        folders: str | Path | Sequence[str | Path],
        *,
        sample_rate: int,
        leave_out: Collection[str] = (),
        trim_silence_db: float | None = None,
        share: tuple[int, int] = (0, 1),
        workers: int | None = None,
    ) -> "Corpus":
        """Decode every audio file below `folders`; name the unusable on stderr and go on without them.

        The next time the same files come out of the user's cache, mapped into memory.

        Parameters
        ----------
        folders
            One folder or several, searched to any depth for files that soundfile reads, of any rate and channel count.
        sample_rate
            Hz; other rates are resampled.
        leave_out
            Names of folders below these, at any depth, that are passed over: voices and noises that validation needs.
        trim_silence_db
            Cut both ends of a file down to the first and last 20 ms that are less than this many dB below its loudest
            20 ms; None keeps all.
        share
            Which part of the files, of how many: (1, 4) is every fourth from the second on.
        workers
            Threads that decode (soundfile and soxr release the interpreter lock); default: four more than cores, so
            that some wait for the disk while others decode.

        Raises
        ------
        ValueError
            When a folder is missing or nothing usable lies below the folders, or in this share of them.
        """
        paths = [path for path in audio_files(folders) if not set(leave_out) & set(path.parts[:-1])]
        part, parts = share
        if 1 < parts > len(paths):
            raise ValueError(f"{len(paths)} files of {folders} do not divide among {parts} machines: do not shard")
        paths = paths[part::parts]

        def decode(path: Path) -> np.ndarray:
            recording = Recording.load(path)
            if recording.problem:
                raise ValueError(f"{path}: {recording.problem}")
            audio, rate = recording.audio, recording.sample_rate
            if trim_silence_db is not None:
                audio = _trim(audio, frame=rate // 50, below_db=trim_silence_db)
            return to_int16(audio, rate, sample_rate=sample_rate)

        key = decoded.key_of(paths, sample_rate, trim_silence_db)
        return cls(*decode_all(paths, decode, key=key, workers=workers), sample_rate)

    @classmethod
    def made(cls, sounds: np.ndarray, names: Sequence[str], *, peak: float, sample_rate: int) -> "Corpus":
        """Sounds (files, N) of any level that were made and not recorded, each turned to a peak of at most 1."""
        sounds = sounds * (peak * FULL_SCALE / np.abs(sounds).max(axis=-1, keepdims=True))
        lengths = torch.full((len(sounds),), sounds.shape[1])
        samples = torch.from_numpy(np.rint(sounds).astype(np.int16)).flatten()
        return cls(samples, lengths.cumsum(0) - lengths, lengths, tuple(names), sample_rate)

    def to(self, device: torch.device | str) -> "Corpus":
        """The same corpus on `device`."""
        return dataclasses.replace(
            self, samples=self.samples.to(device), starts=self.starts.to(device), lengths=self.lengths.to(device)
        )

    @property
    def seconds(self) -> float:
        """Duration of the whole corpus."""
        return len(self.samples) / self.sample_rate


def audio_files(folders: str | Path | Sequence[str | Path]) -> list[Path]:
    """Every audio file below one or several folders, sorted; `ValueError` where a folder is missing or has none."""
    folders = [Path(folder) for folder in ([folders] if isinstance(folders, str | Path) else folders)]
    for folder in folders:
        if not folder.is_dir():
            raise ValueError(f"{folder} is not a folder; give a folder of audio files")
    paths = sorted({path for folder in folders for path in find_files(folder)})
    if not paths:
        raise ValueError(f"no audio files below {', '.join(map(str, folders))}; give a folder with recordings")
    return paths


def decode_all(
    paths: Sequence[Path], decode: Callable[[Path], np.ndarray], *, key: str, workers: int | None
) -> tuple[Tensor, Tensor, Tensor, tuple[str, ...]]:
    """Decode files in threads and lay them end to end; those that fail are named on stderr and left out.

    Parameters
    ----------
    paths
        What to decode, in order.
    decode
        Gives int16 of shape (..., n), or raises `ValueError` or `OSError` with the reason.
    key
        `decoded.key_of` all that the result depends on.
    workers
        Threads; default: four more than cores.

    Returns
    -------
    samples, starts, lengths, names
        As in `Corpus`; `samples` has the shape (..., N).

    Raises
    ------
    ValueError
        When nothing could be decoded.
    """
    known = decoded.recall(key)
    if known is None:
        known, failures = _decode(paths, decode, workers=workers)
        # what the system would not give now it may give the next time; what is wrong with a file stays wrong
        if not any(isinstance(failure, OSError) for failure in failures):
            decoded.store(known, key)
            # mapped, so that other processes share it and the memory of this one is let go
            known = decoded.recall(key) or known
    for reason in known.skipped:
        print(f"undin: skipped {reason}", file=sys.stderr)
    if not known.names:
        raise ValueError(f"none of {len(paths)} files around {paths[0]} is usable; see the reasons above")
    return known.samples, known.starts, known.lengths, tuple(known.names)


def _decode(
    paths: Sequence[Path], decode: Callable[[Path], np.ndarray], *, workers: int | None
) -> tuple[decoded.Decoded, list[Exception]]:
    def attempt(path: Path) -> np.ndarray | Exception:
        try:
            return decode(path)
        except (OSError, ValueError) as error:
            return error

    with ThreadPoolExecutor(workers) as pool:
        audios = list(tqdm(pool.map(attempt, paths), "decoding", len(paths), unit="file", disable=None))
    failures = [audio for audio in audios if isinstance(audio, Exception)]
    usable = [(path, audio) for path, audio in zip(paths, audios, strict=True) if isinstance(audio, np.ndarray)]
    del audios
    names = [str(path) for path, _ in usable]
    lengths = np.array([audio.shape[-1] for _, audio in usable], dtype=np.int64)
    ends = np.cumsum(lengths)
    # an empty array takes a page of memory only when it is written, and each file is let go once copied, so that the
    # peak is one corpus and not two
    leading = usable[0][1].shape[:-1] if usable else ()
    samples = np.empty((*leading, lengths.sum()), dtype=np.int16)
    for end in ends[::-1]:
        _, audio = usable.pop()
        samples[..., end - audio.shape[-1] : end] = audio
    tensors = (torch.from_numpy(array) for array in (samples, ends - lengths, lengths))
    return decoded.Decoded(*tensors, names, [str(failure) for failure in failures]), failures


def read_mono(path: str | Path) -> tuple[np.ndarray, int]:
    """Decode a whole file as float32 (N,) of one channel, and its rate in Hz.

    Raises
    ------
    ValueError, OSError
        The file is missing or damaged, empty, or holds samples that are no finite numbers.
    """
    audio, rate = read(path)
    if not len(audio):
        raise ValueError(f"{path}: empty")
    if not np.isfinite(audio).all():
        raise ValueError(f"{path}: holds samples that are no finite numbers")
    return to_mono(audio)[0], rate


def to_int16(audio: np.ndarray, rate: int, *, sample_rate: int) -> np.ndarray:
    """Float samples (N,) at `rate` to int16 at `sample_rate`; what exceeds full scale is turned down to it."""
    audio = resample(audio, rate, sample_rate)
    return np.rint(audio / np.abs(audio).max(initial=1) * FULL_SCALE).astype(np.int16)


def _trim(audio: np.ndarray, *, frame: int, below_db: float) -> np.ndarray:
    """`audio` from its first to its last frame that is less than `below_db` under the loudest one."""
    edges = np.arange(0, len(audio), frame)
    power = np.add.reduceat(np.square(audio), edges)
    loud = np.flatnonzero(power > power.max() * 10 ** (-below_db / 10))
    return audio[edges[loud[0]] : edges[loud[-1]] + frame]
