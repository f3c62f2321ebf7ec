"""Mix the full-band validation set: two speakers and a corpus of noise that no training at 48 kHz may hear.

Usage, from the repository's root, with what `../shared/data/gather.py` left in ../gathered::

    python scripts/valid48.py ../gathered ../gathered/valid48

`valid48.csv` tells what is in each pair, as it was drawn once: the files, laid end to end, from which sample the pair
begins in the first of them, how loud speech is and how far above the noise. So the set does not change with how
training mixes. `recipes/undin-*-48k.toml` leave these speakers and this noise out.
"""

import argparse
import csv
import shutil
from functools import cache
from pathlib import Path

import numpy as np
import torch

from undin.data.freeze import FILES_APART, PEAK, refuse_existing
from undin.data.level import active_level_dbfs
from undin.io.audio import AudioInfo, open_writer, read
from undin.io.resample import resample

TABLE = Path(__file__).with_suffix(".csv")
SAMPLE_RATE_HZ, SECONDS = 48_000, 6
FLAC = AudioInfo(SAMPLE_RATE_HZ, channels=1, length_samples=None, format="FLAC", subtype="PCM_16")


def main() -> None:
    """Mix and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gathered", type=Path, help="what gather.py wrote")
    parser.add_argument("output", type=Path, help="the new folder")
    args = parser.parse_args()
    refuse_existing(args.output)
    with open(TABLE, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    partial = args.output.with_name(args.output.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    for name in ("clean", "noisy"):
        (partial / name).mkdir(parents=True)
    for row in rows:
        clean, noisy = pair(args.gathered / "new48", row)
        for name, samples in (("clean", clean), ("noisy", noisy)):
            with open_writer(partial / name / f"{row['id']}.flac", FLAC) as write:
                write(samples)
    shutil.copy(TABLE, partial / "index.csv")
    partial.rename(args.output)
    print(f"{len(rows)} pairs of {SECONDS} s in {args.output}")


def pair(full_band: Path, row: dict[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """Clean and noisy samples of a row of the table, turned down where they would exceed full scale."""
    clean, noise = (segment(full_band / kind, row[kind], int(row[f"{kind}_start"])) for kind in ("speech", "noise"))
    speech_level_dbfs = float(row["speech_level_dbfs"])
    active_dbfs = float(active_level_dbfs(torch.from_numpy(clean)[None], sample_rate=SAMPLE_RATE_HZ))
    clean *= 10 ** ((speech_level_dbfs - active_dbfs) / 20)
    noise *= 10 ** ((speech_level_dbfs - float(row["snr_db"])) / 20) / np.sqrt(np.mean(noise.astype(float) ** 2))
    noisy = clean + noise
    gain = min(1.0, PEAK / np.abs((clean, noisy)).max())
    return (gain * clean).astype(np.float32), (gain * noisy).astype(np.float32)


def segment(folder: Path, names: str, start: int) -> np.ndarray:
    """What lies in a row of files from a sample on, float32, full scale 1."""
    tape = np.concatenate([recording(folder / name) for name in names.split(FILES_APART)])
    return tape[start : start + SECONDS * SAMPLE_RATE_HZ].copy()


@cache
def recording(path: Path) -> np.ndarray:
    """A file at the rate of the set."""
    samples, rate_hz = read(path)
    return resample(samples.mean(1), rate_hz, SAMPLE_RATE_HZ)


if __name__ == "__main__":
    main()
