"""A mixed set frozen to disk: what a `Mixer` would feed to training, as files with an index of how each was made."""

import csv
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from undin.data.level import active_level_dbfs, to_db
from undin.data.mixing import Draw, Mixer
from undin.data.tape import Tapes
from undin.io.audio import AudioInfo, open_writer

BATCH = 16
ADDED = ("second_noise_db", "babble_db", "coloured_noise_db", "low_pass_hz", "high_pass_hz", "clipping_db")
PEAK = 0.999
FILES_APART = " | "
WRITTEN_DBFS = -100.0
"""What is softer than this is gone when it is rounded to 16 bit."""


def freeze(mixer: Mixer, folder: str | Path, *, count: int) -> None:
    """Write `count` pairs to `folder`: `noisy/000.flac`, `clean/000.flac` … (16 bit) and `index.csv`.

    The folder appears when it is complete. Pairs that would exceed full scale are turned down. Columns of the index:
    `id`; `snr_db`, the active level of the target over the mean level of the noise as both were written, before
    clipping (inf: there is no noise, -inf: noise alone); `speech_level_dbfs`, that level; the files `speech` and
    `noise` of which there are samples, with `FILES_APART` between them; what was added and how, empty where it was not.

    Raises
    ------
    ValueError
        When `folder` exists.
    OSError
        When it cannot be written.
    """
    folder = Path(folder)
    refuse_existing(folder)
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        for name in ("noisy", "clean"):
            (partial / name).mkdir(parents=True)
        info = AudioInfo(mixer.sample_rate, channels=1, length_samples=None, format="FLAC", subtype="PCM_16")
        rows = []
        for noisy, clean, row in tqdm(_items(mixer, count), "mixing", count, unit="file", disable=None):
            row = {"id": f"{len(rows):0{max(3, len(str(count - 1)))}d}", **row}
            for name, audio in (("noisy", noisy), ("clean", clean)):
                with open_writer(partial / name / f"{row['id']}.flac", info) as write:
                    write(audio)
            rows.append(row)
        with open(partial / "index.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        os.replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def refuse_existing(folder: str | Path) -> None:
    """Raise `ValueError` when `folder` exists: a frozen set is never mixed into another."""
    if Path(folder).exists():
        raise ValueError(f"{folder} exists already; name a new folder or remove that one")


def _items(mixer: Mixer, count: int) -> Iterator[tuple[np.ndarray, np.ndarray, dict]]:
    """Noisy and clean samples and a row of the index for each of `count` items."""
    for first in range(0, count, BATCH):
        draw = mixer.draw(first // BATCH, BATCH)[: count - first]
        noisy, clean, noise = _within_full_scale(*mixer.mix_in_parts(draw))
        levels_dbfs = active_level_dbfs(clean, sample_rate=mixer.sample_rate).tolist()
        noise_dbfs = to_db(noise.square().mean(-1)).tolist()
        noisy, clean = noisy.cpu().numpy(), clean.cpu().numpy()
        for item, levels in enumerate(zip(levels_dbfs, noise_dbfs, strict=True)):
            yield noisy[item], clean[item], _row(mixer, draw, item, *levels)


def _within_full_scale(noisy: Tensor, clean: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Turn down those pairs (B, N) whose peaks a file of integers could not hold."""
    peak = torch.maximum(noisy.abs().amax(-1, keepdim=True), clean.abs().amax(-1, keepdim=True))
    gain = torch.where(peak > PEAK, PEAK / peak, 1.0)
    return noisy * gain, clean * gain, noise * gain


def _row(mixer: Mixer, draw: Draw, item: int, level_dbfs: float, noise_dbfs: float) -> dict[str, str | float]:
    # what is silent says nothing, whatever was drawn
    speaks = not draw.noise_alone[item] and level_dbfs > WRITTEN_DBFS
    noises = not draw.clean[item] and noise_dbfs > WRITTEN_DBFS

    def files(tapes: Tapes, start: int, read_samples: int) -> str:
        samples = mixer.segment_samples * read_samples // mixer.n_fft
        return FILES_APART.join(tapes.names_of(start, samples=samples))

    row: dict[str, str | float] = {
        "snr_db": (f"{level_dbfs - noise_dbfs:.2f}" if noises else "inf") if speaks else "-inf",
        "speech_level_dbfs": f"{level_dbfs:.2f}" if speaks else "",
        "speech": files(mixer.speech, draw.speech_start[item], draw.speech_read_samples[item]) if speaks else "",
        "noise": files(mixer.noise, draw.noise_start[item], draw.noise_read_samples[item]) if noises else "",
    }
    for voice, samples, heard in (
        ("speech", draw.speech_read_samples, speaks),
        ("noise", draw.noise_read_samples, noises),
    ):
        row[f"{voice}_speed"] = f"{samples[item] / mixer.n_fft:.3f}" if heard else ""
    for name in ADDED:
        value = getattr(draw, name)[item]
        applies = noises or name.endswith("_hz")
        row[name] = f"{value:.2f}" if applies and not np.isnan(value) else ""
    row["heard_share"] = "" if draw.heard[item].all() else f"{draw.heard[item].mean():.2f}"
    row["gate_db"] = f"{draw.gate_db[item]:.2f}" if speaks and not np.isnan(draw.gate_db[item]) else ""
    row["rt60_s"] = f"{mixer.rooms.rt60_s[draw.room[item]]:.2f}" if draw.room[item] >= 0 and speaks else ""
    return row
