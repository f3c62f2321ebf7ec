"""Folders of audio as one int16 tensor in memory, so that no training step ever waits for a file or a decoder.

This only decodes: which segments are read is `tape.py`, what is made of them is `mixing.py`.
"""

import dataclasses
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch
from torch import Tensor
from tqdm import tqdm

AUDIO_SUFFIXES = {f".{name.lower()}" for name in soundfile.available_formats()} | {
    ".aif", ".aifc", ".mp3", ".oga", ".ogg", ".opus", ".sph"
}  # fmt: skip
"""Files with another suffix (texts, tables, pictures) are no audio and are passed over in silence."""

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
        trim_silence_db: float | None = None,
        workers: int | None = None,
    ) -> "Corpus":
        """Decode every audio file below `folders`; name the unusable on stderr and go on without them.

        Parameters
        ----------
        folders
            One folder or several, searched to any depth for files that soundfile reads, of any rate and channel count.
        sample_rate
            Hz; other rates are resampled.
        trim_silence_db
            Cut both ends of a file down to the first and last 20 ms that are less than this many dB below its loudest
            20 ms; None keeps all.
        workers
            Threads that decode (soundfile and soxr release the interpreter lock); default: one a core.

        Raises
        ------
        ValueError
            When a folder is missing or nothing usable lies below the folders.
        """
        paths = audio_files(folders)

        def decode(path: Path) -> np.ndarray | str:
            try:
                return _decode(path, sample_rate=sample_rate, trim_silence_db=trim_silence_db)
            except (OSError, ValueError, soundfile.SoundFileError) as error:
                return f"{path}: {error}"

        with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
            decoded = list(tqdm(pool.map(decode, paths), "decoding", len(paths), unit="file", disable=None))
        usable = [(path, audio) for path, audio in zip(paths, decoded, strict=True) if not isinstance(audio, str)]
        for reason in (audio for audio in decoded if isinstance(audio, str)):
            print(f"undin: skipped {reason}", file=sys.stderr)
        if not usable:
            raise ValueError(f"no usable audio below {_listed(folders)}; give a folder with recordings")
        del decoded
        lengths = np.array([len(audio) for _, audio in usable], dtype=np.int64)
        ends = np.cumsum(lengths)
        # The pages of an empty array are only taken when written, and each part is let go once copied: the peak is one
        # corpus, not two.
        samples = np.empty(ends[-1], dtype=np.int16)
        names = []
        for end in ends[::-1]:
            path, audio = usable.pop()
            samples[end - len(audio) : end] = audio
            names.append(str(path))
        return cls(
            torch.from_numpy(samples),
            torch.from_numpy(ends - lengths),
            torch.from_numpy(lengths),
            tuple(reversed(names)),
            sample_rate,
        )

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
    """Every audio file below `folders`, sorted; `ValueError` where a folder is missing."""
    folders = [Path(folder) for folder in ([folders] if isinstance(folders, str | Path) else folders)]
    for folder in folders:
        if not folder.is_dir():
            raise ValueError(f"{folder} is not a folder; give a folder of audio files")
    return sorted(
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix.lower() in AUDIO_SUFFIXES and path.is_file()
    )


def read_mono(path: Path) -> tuple[np.ndarray, int]:
    """A whole file as float32 mono (N,) in [−1, 1] and its rate; `ValueError` where it holds no finite sound."""
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = audio.mean(axis=1) if audio.shape[1] > 1 else audio[:, 0]
    if not len(mono):
        raise ValueError("the file is empty")
    if not np.isfinite(mono).all():
        raise ValueError("the file holds samples that are no numbers")
    if not mono.any():
        raise ValueError("the file is silent")
    return mono, rate


def _decode(path: Path, *, sample_rate: int, trim_silence_db: float | None) -> np.ndarray:
    """A file as int16 mono at `sample_rate`, without silent ends where wanted."""
    audio, rate = read_mono(path)
    if rate != sample_rate:
        audio = soxr.resample(audio, rate, sample_rate)
    if trim_silence_db is not None:
        audio = _trim(audio, frame=sample_rate // 50, below_db=trim_silence_db)
    return np.rint(np.clip(audio, -1, 1) * FULL_SCALE).astype(np.int16)


def _trim(audio: np.ndarray, *, frame: int, below_db: float) -> np.ndarray:
    """`audio` from its first to its last frame that is less than `below_db` under the loudest one."""
    edges = np.arange(0, len(audio), frame)
    power = np.add.reduceat(np.square(audio), edges)
    loud = np.flatnonzero(power > power.max() * 10 ** (-below_db / 10))
    return audio[edges[loud[0]] : edges[loud[-1]] + frame]


def _listed(folders: str | Path | Sequence[str | Path]) -> str:
    return str(folders) if isinstance(folders, str | Path) else ", ".join(map(str, folders))
