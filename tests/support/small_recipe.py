"""A recipe and a corpus so small that a training step takes milliseconds."""

from pathlib import Path

import numpy as np
import soundfile

RECIPE = """
[audio]
n_fft = 128
window = 128
hop = 64

[network]
name = "undin"
channels = 4
band_channels = 4
blocks = 1

[data]
speech = ["{folder}/speech"]
noise = ["{folder}/noise"]
segment_seconds = 0.5

[[loss]]
name = "compressed_spectrum"

[[loss]]
name = "si_sdr"
weight = 0.01

[mixing]
rooms = 4

[schedule]
warm_up_steps = 5

[training]
steps = 20
batch_size = 4
log_every = 1
"""


def write(folder: Path) -> Path:
    """Write made-up speech (chirps that come and go), noise, and a recipe over both; return the recipe's path."""
    generator = np.random.default_rng(0)
    time_s = np.arange(3 * 16000) / 16000
    for index in range(4):
        syllables = np.clip(np.sin(2 * np.pi * 3 * time_s + index), 0, None)
        speech = 0.3 * syllables * np.sin(2 * np.pi * (200 + 50 * index) * time_s * (1 + 0.1 * time_s))
        for name, audio in (("speech", speech), ("noise", 0.1 * generator.standard_normal(len(time_s)))):
            (folder / name).mkdir(exist_ok=True)
            soundfile.write(folder / name / f"{index}.wav", audio, 16000)
    path = folder / "small.toml"
    path.write_text(RECIPE.format(folder=folder.as_posix()))
    return path
