"""Both sides of what plays, to a file: what came in, and what undin made of it, lined up."""

import contextlib
import time
from pathlib import Path

import numpy as np
import soundfile

from undin.io.files import replacing


class Recording:
    """A FLAC file of 24 bits, first the channels of the input, then as many of the output.

    Parameters
    ----------
    path : Path
        Appears when the recording is closed.
    rate : int
        Hz.
    channels : int
        Of each side.
    latency_samples : int
        By how much the output comes after the input; it is taken out.

    Raises
    ------
    OSError
        The file cannot be written.
    """

    def __init__(self, path: Path, *, rate: int, channels: int, latency_samples: int):
        self.path, self.rate = path, rate
        self._channels, self._to_skip = channels, latency_samples
        self._waiting = np.empty((0, channels), np.float32)
        self._seconds = 0.0
        self._open = contextlib.ExitStack()
        try:
            place = self._open.enter_context(replacing(path))
            self._file = self._open.enter_context(
                soundfile.SoundFile(place, "w", rate, 2 * channels, format="FLAC", subtype="PCM_24")
            )
        except soundfile.LibsndfileError as error:
            self._open.close()
            raise OSError(f"{path} cannot be written: {error.error_string}") from None

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self._seconds

    def write(self, rows: np.ndarray) -> None:
        """Add (n, 2 channels) of `Path.taped`."""
        self._waiting = np.concatenate((self._waiting, rows[:, : self._channels]))
        enhanced = rows[self._to_skip :, self._channels :]
        self._to_skip -= min(self._to_skip, len(rows))
        if len(enhanced):
            both = np.concatenate((self._waiting[: len(enhanced)], enhanced), axis=1)
            self._waiting = self._waiting[len(enhanced) :]
            try:
                self._file.write(np.clip(np.nan_to_num(both), -1, 1))
            except soundfile.LibsndfileError as error:
                raise OSError(f"{self.path} cannot be written any further: {error.error_string}") from None
            self._seconds += len(enhanced) / self.rate

    def close(self) -> None:
        """End it; the file is there then."""
        self._open.close()


def new_path(folder: Path) -> Path:
    """A name for a recording that begins now."""
    return folder / f"undin-live-{time.strftime('%Y-%m-%d-%H%M%S')}.flac"
