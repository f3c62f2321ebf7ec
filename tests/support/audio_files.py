"""Small audio files for tests of the commands."""

from pathlib import Path

import numpy as np
import soundfile


def noise(length: int, channels: int = 1) -> np.ndarray:
    """Seeded noise (length, channels) at -20 dBFS."""
    return (0.1 * np.random.default_rng(0).standard_normal((length, channels))).astype(np.float32)


def write(path: Path, samples: np.ndarray, sample_rate: int = 16_000, subtype: str | None = None) -> Path:
    """Write samples in the format of the path's suffix, making its folder."""
    path.parent.mkdir(exist_ok=True)
    soundfile.write(path, samples, sample_rate, subtype=subtype)
    return path


def read(path: Path) -> np.ndarray:
    """All samples of a file, (N, channels) float32."""
    return soundfile.read(path, dtype="float32", always_2d=True)[0]


def files_below(folder: Path) -> list[str]:
    """Names of all files below a folder, relative to it."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
