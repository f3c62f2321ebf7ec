"""A mixed set frozen to disk: what a `Mixer` would feed to training, as files with an index of how each was made."""

import csv
import json
import math
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from undin.cluster import ROUNDS, Alone, Engine, Tell, in_rounds
from undin.data.corpus import Corpus
from undin.data.level import active_level_dbfs, to_db
from undin.data.mixing import Draw, Mixer
from undin.data.mixing_config import MixingConfig
from undin.data.tape import Tapes
from undin.io.audio import AudioInfo, open_writer
from undin.io.files import replacing
from undin.io.journal import Journal

BATCH = 16
MADE_BY = "made_by.json"
ADDED = ("second_noise_db", "babble_db", "coloured_noise_db", "low_pass_hz", "high_pass_hz", "clipping_db")
PEAK = 0.999
FILES_APART = " | "
WRITTEN_DBFS = -100.0
"""What is softer than this is gone when it is rounded to 16 bit."""


def freeze(mixer: Mixer | Callable[[], Mixer], folder: str | Path, *, count: int, engine: Engine | None = None) -> None:
    """Write `count` pairs to `folder`: `noisy/000.flac`, `clean/000.flac` … (16 bit) and `index.csv`.

    Each pair is a function of the mixer and of its number, so that the set is the same bit for bit whoever made it. The
    folder appears when it is complete. Pairs that would exceed full scale are turned down. Columns of the index:
    `id`; `snr_db`, the active level of the target over the mean level of the noise as both were written, before
    clipping (inf: there is no noise, -inf: noise alone); `speech_level_dbfs`, that level; the files `speech` and
    `noise` of which there are samples, with `FILES_APART` between them; what was added and how, empty where it was not.

    Parameters
    ----------
    mixer : Mixer, or a function that makes one
        The function pickles, and says by its `repr` all that the set depends on: each process calls it once, and a run
        that was ended goes on where it was.
    folder : path
    count : int
    engine : Engine, optional
        Who does the work, with a function in place of a mixer; default: this process.

    Raises
    ------
    ValueError
        When `folder` exists.
    OSError
        When it cannot be written.
    """
    folder = Path(folder)
    refuse_existing(folder)
    partial = folder.with_name(f".{folder.name}.partial")
    work = _Mix(mixer, partial, count)
    try:
        _begin(partial, made_by={"mixer": repr(mixer), "count": count})
        journal = Journal(str(partial / "journal"), key=lambda entry: entry["batch"])
        left = {number: number for number in range(math.ceil(count / BATCH)) if number not in journal.done}
        with tqdm(total=count, initial=count - BATCH * len(left), desc="mixing", unit="file", disable=None) as bar:
            for entries in in_rounds(engine or Alone(), work, left, key=lambda entry: entry["batch"], pack=_blocks):
                journal.add(entries)
                bar.update(sum(len(entry["rows"]) for entry in entries))
        if left:
            raise OSError(f"{folder}: {len(left)} parts were lost with their processes {ROUNDS} times: begin again")
        rows = [row for entry in journal.entries(order=lambda entry: entry["batch"]) for row in entry["rows"]]
        with open(partial / "index.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        shutil.rmtree(partial / "journal")
        (partial / MADE_BY).unlink()
        os.replace(partial, folder)
    finally:
        if isinstance(mixer, Mixer):  # nobody could tell another time that it is the same
            shutil.rmtree(partial, ignore_errors=True)


@dataclass(frozen=True)
class Mixing:
    """What a mixer is made of, by names: a function that makes it."""

    speech: tuple[str, ...]
    noise: tuple[str, ...]
    config: MixingConfig
    sample_rate: int
    segment_samples: int
    seed: int
    trim_silence_db: float | None = None

    def __call__(self) -> Mixer:
        """Load the audio and make the mixer."""
        return Mixer(
            Corpus.load(self.speech, sample_rate=self.sample_rate, trim_silence_db=self.trim_silence_db),
            Corpus.load(self.noise, sample_rate=self.sample_rate),
            self.config,
            sample_rate=self.sample_rate,
            segment_samples=self.segment_samples,
            seed=self.seed,
        )


def _begin(partial: Path, *, made_by: dict[str, Any]) -> None:
    """Make the folder to write to, or leave that which is there if it is to become the same set."""
    place = partial / MADE_BY
    if place.exists() and json.loads(place.read_text(encoding="utf-8")) != made_by:
        shutil.rmtree(partial)
    for name in ("noisy", "clean"):
        (partial / name).mkdir(parents=True, exist_ok=True)
    with replacing(place) as beside:
        beside.write_text(json.dumps(made_by), encoding="utf-8")


def _blocks(batches: Iterable[int], most: int) -> Iterator[list[int]]:
    numbers = list(batches)
    for first in range(0, len(numbers), most):
        yield numbers[first : first + most]


_own: dict[str, Mixer] = {}


@dataclass(frozen=True)
class _Mix:
    """Writes the pairs of a batch; a `Work`."""

    mixer: Mixer | Callable[[], Mixer]
    folder: Path
    count: int

    def __call__(self, batch: int, tell: Tell) -> dict[str, Any]:
        mixer = self.mixer if isinstance(self.mixer, Mixer) else _own.get(repr(self.mixer))
        if mixer is None:
            mixer = _own[repr(self.mixer)] = self.mixer()
        first = batch * BATCH
        digits = max(3, len(str(self.count - 1)))
        info = AudioInfo(mixer.sample_rate, channels=1, length_samples=None, format="FLAC", subtype="PCM_16")
        rows = []
        for number, (noisy, clean, row) in enumerate(_items(mixer, batch, self.count - first), first):
            row = {"id": f"{number:0{digits}d}", **row}
            for name, audio in (("noisy", noisy), ("clean", clean)):
                with open_writer(self.folder / name / f"{row['id']}.flac", info) as write:
                    write(audio)
            rows.append(row)
        tell(len(rows))
        return {"batch": batch, "rows": rows}


def refuse_existing(folder: str | Path) -> None:
    """Raise `ValueError` when `folder` exists: a frozen set is never mixed into another."""
    if Path(folder).exists():
        raise ValueError(f"{folder} exists already; name a new folder or remove that one")


def _items(mixer: Mixer, batch: int, count: int) -> Iterator[tuple[np.ndarray, np.ndarray, dict]]:
    """Noisy and clean samples and a row of the index for each of the first `count` items of a batch."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # how many threads share a sum must not show in it
    try:
        draw = mixer.draw(batch, BATCH)[:count]
        noisy, clean, noise = _within_full_scale(*mixer.mix_in_parts(draw))
        levels_dbfs = active_level_dbfs(clean, sample_rate=mixer.sample_rate).tolist()
        noise_dbfs = to_db(noise.square().mean(-1)).tolist()
    finally:
        torch.set_num_threads(threads)
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
