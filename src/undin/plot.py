"""Pictures of sound: the spectrogram of a file before and after enhancement, on one colour scale.

Needs matplotlib, the extra `plot`. Files are read in blocks, so a recording of hours takes no more memory than one
of seconds. These spectrograms are for eyes; the ones that networks see are made in `stft.py`.
"""

import os
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from undin.io import audio
from undin.io.files import replacing

WINDOW_SECONDS = 0.032
MAX_COLUMNS = 1600
"""About the width of the picture, pixels; longer files average several frames to a column."""
RANGE_DB = 70


def save_before_after(before: str | os.PathLike, after: str | os.PathLike, *, picture: str | os.PathLike) -> None:
    """Draw the spectrograms of two audio files of the same rate and length, one below the other, as a PNG.

    Parameters
    ----------
    before, after : path
        Audio files; several channels are shown as the mean of their power.
    picture : path
        The PNG to write; it appears when it is complete.

    Raises
    ------
    OSError, ValueError
        A file cannot be read, or the picture cannot be written.
    """
    sample_rate = audio.read_info(before).sample_rate
    # Counted, since headers of damaged or piped files state a wrong length or none.
    length_samples = sum(len(block) for block in audio.read_blocks(before))
    column_samples = max(round(WINDOW_SECONDS * sample_rate / 4), -(-length_samples // MAX_COLUMNS))
    spectrograms = [spectrogram_db(path, column_samples=column_samples) for path in (before, after)]
    # The loudest thousandth may burn out, else one click would darken all the rest. An empty file has no level.
    top_db = 5 * np.ceil(np.percentile(spectrograms[0], 99.9) / 5) if spectrograms[0].size else 0.0
    figure = Figure(figsize=(12, 6.75), dpi=140, layout="constrained")
    axes = figure.subplots(2, 1, sharex=True, sharey=True)
    for panel, spectrogram, path, moment in zip(axes, spectrograms, (before, after), ("before", "after"), strict=True):
        image = panel.imshow(
            spectrogram,
            origin="lower",
            aspect="auto",
            extent=(0, max(length_samples, 1) / sample_rate, 0, sample_rate / 2000),
            cmap="magma",
            vmin=top_db - RANGE_DB,
            vmax=top_db,
            interpolation="antialiased",
        )
        panel.set_title(moment, loc="left", fontweight="bold")
        name = os.fsencode(Path(path).name).decode(errors="replace")  # which may be any bytes, and is no formula
        panel.set_title(name, loc="right", color="0.4", fontsize="medium", parse_math=False)
        panel.set_ylabel("frequency (kHz)")
        panel.spines[:].set_visible(False)
    axes[1].set_xlabel("time (s)")
    figure.colorbar(image, ax=axes, label="level (dB, full-scale sine = 0)", pad=0.01, aspect=40).outline.set_visible(
        False
    )
    with replacing(picture) as partial:
        figure.savefig(partial, format="png")


def spectrogram_db(path: str | os.PathLike, *, column_samples: int) -> np.ndarray:
    """Return the spectrogram of an audio file, a column for every `column_samples`.

    Returns
    -------
    ndarray (bins, columns), float64
        Power in dB, 0 for a sine of full scale, mean over the frames of a column and over channels; not below -160.
        Bins go from 0 Hz to half the sample rate, columns from the start of the file to its end.
    """
    info = audio.read_info(path)
    window_samples = 2 * round(WINDOW_SECONDS * info.sample_rate / 2)
    window = np.hanning(window_samples + 1)[:-1, np.newaxis]
    past = np.zeros((window_samples, info.channels), np.float32)
    columns = []
    for block in audio.read_blocks(path, block_samples=column_samples):
        samples = np.concatenate((past, np.nan_to_num(block, posinf=0, neginf=0)))
        past = samples[-window_samples:]
        # Half-overlapping frames, counted back from the end of the column; a short column still fills one frame.
        ends = range(len(samples), window_samples - 1, -window_samples // 2)[: max(1, len(block) * 2 // window_samples)]
        frames = np.stack([samples[end - window_samples : end] for end in ends])
        power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2 / (window.sum() / 2) ** 2
        columns.append(power.mean(axis=(0, 2)))
    power = np.stack(columns, axis=1) if columns else np.zeros((window_samples // 2 + 1, 0))
    return 10 * np.log10(power + 1e-16)
