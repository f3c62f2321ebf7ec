"""Mix the full-band validation set: two speakers and a corpus of noise that no training at 48 kHz may hear.

Usage, from the repository's root, with what `../shared/data/gather.py` left in ../gathered::

    python scripts/valid48.py ../gathered ../gathered/valid48

The same recordings give the same samples. `recipes/undin-*-48k.toml` leave these speakers and this noise out.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np

from undin.data.corpus import Corpus
from undin.data.freeze import freeze, refuse_existing
from undin.data.mixing import Draw, Mixer
from undin.data.mixing_config import MixingConfig

SAMPLE_RATE_HZ, SECONDS, PAIRS, SEED = 48_000, 6.0, 60, 48
SPEAKERS, NOISE = ("vctk48/p226", "vctk48/p229"), "blanket48"
SNRS_DB = (-5.0, 0.0, 5.0, 10.0, 15.0)
AS_RECORDED = MixingConfig(
    speech_level_dbfs=(-36.0, -18.0),
    clean_probability=0.0,
    noise_alone_probability=0.0,
    second_noise_probability=0.0,
    babble_probability=0.0,
    coloured_noise_probability=0.0,
    equaliser_db=0.0,
    spectral_tilt_db_per_octave=(0.0, 0.0),
    band_limit_probability=0.0,
    room_probability=0.0,
    clipping_probability=0.0,
)


class Graded(Mixer):
    """Mixes at one signal-to-noise ratio after the other."""

    def draw(self, step: int, batch_size: int) -> Draw:
        """Every decision of a batch, with the ratios in turn."""
        snr_db = np.resize(np.roll(SNRS_DB, -step * batch_size), batch_size).astype(np.float32)
        return dataclasses.replace(super().draw(step, batch_size), snr_db=snr_db)


def main() -> None:
    """Mix and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gathered", type=Path, help="what gather.py wrote")
    parser.add_argument("output", type=Path, help="the new folder")
    args = parser.parse_args()
    refuse_existing(args.output)
    full_band = args.gathered / "new48"
    folders = [full_band / "speech" / speaker for speaker in SPEAKERS], [full_band / "noise" / NOISE]
    speech, noise = (Corpus.load(folder, sample_rate=SAMPLE_RATE_HZ) for folder in folders)
    sizes = {"sample_rate": SAMPLE_RATE_HZ, "segment_samples": round(SECONDS * SAMPLE_RATE_HZ), "seed": SEED}
    freeze(Graded(speech, noise, AS_RECORDED, **sizes), args.output, count=PAIRS)
    print(f"{PAIRS} pairs of {SECONDS:g} s in {args.output}")


if __name__ == "__main__":
    main()
