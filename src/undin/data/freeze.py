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

from undin.data.level import active_level_dbfs
from undin.data.mixing import Draw, Mixer
from undin.io.audio import AudioInfo, open_writer

BATCH = 16
ADDED = ("second_noise_db", "babble_db", "coloured_noise_db", "low_pass_hz", "high_pass_hz", "clipping_db")
PEAK = 0.999


def freeze(mixer: Mixer, folder: str | Path, *, count: int) -> None:
    """Write `count` pairs to `folder`: `noisy/000.flac`, `clean/000.flac` … (16 bit) and `index.csv`.

    The folder appears when it is complete. Pairs that would exceed full scale are turned down. Columns of the index:
    `id`; `snr_db` (inf: the input is clean, -inf: noise alone); `speech_level_dbfs`, the active level of the target as
    written; the files `speech` and `noise` in which the segments begin; what was added and how, empty where it was not.

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
        noisy, clean = _within_full_scale(*mixer.mix(draw))
        levels_dbfs = active_level_dbfs(clean, sample_rate=mixer.sample_rate).tolist()
        noisy, clean = noisy.cpu().numpy(), clean.cpu().numpy()
        for item, level_dbfs in enumerate(levels_dbfs):
            yield noisy[item], clean[item], _row(mixer, draw, item, level_dbfs)


def _within_full_scale(noisy: Tensor, clean: Tensor) -> tuple[Tensor, Tensor]:
    """Turn down those pairs (B, N) whose peaks a file of integers could not hold."""
    peak = torch.maximum(noisy.abs().amax(-1, keepdim=True), clean.abs().amax(-1, keepdim=True))
    gain = torch.where(peak > PEAK, PEAK / peak, 1.0)
    return noisy * gain, clean * gain


def _row(mixer: Mixer, draw: Draw, item: int, level_dbfs: float) -> dict[str, str | float]:
    speaks, noises = not draw.noise_alone[item], not draw.clean[item]
    row: dict[str, str | float] = {
        "snr_db": (f"{draw.snr_db[item]:.2f}" if noises else "inf") if speaks else "-inf",
        "speech_level_dbfs": f"{level_dbfs:.2f}" if speaks else "",
        "speech": mixer.speech.name_at(draw.speech_start[item]) if speaks else "",
        "noise": mixer.noise.name_at(draw.noise_start[item]) if noises else "",
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
