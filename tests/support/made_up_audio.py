"""Audio made up in a moment, corpora of it without a file, and pairs of it in files."""

from pathlib import Path

import numpy as np
import soundfile
import torch

from undin.data.corpus import FULL_SCALE, Corpus

SAMPLE_RATE = 16000


def corpus_of(files: list[np.ndarray], names: list[str]) -> Corpus:
    """A corpus as `Corpus.load` would make it of such files."""
    lengths = torch.tensor([len(file) for file in files])
    audio = np.rint(np.concatenate(files) * FULL_SCALE).astype(np.int16)
    return Corpus(torch.from_numpy(audio), lengths.cumsum(0) - lengths, lengths, tuple(names), SAMPLE_RATE)


def voice(seconds: float, *, pitch_hz: float) -> np.ndarray:
    """Harmonics in syllables of 1/3 s with pauses: enough like speech for everything that looks at levels."""
    time_s = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    harmonics = sum(np.sin(2 * np.pi * k * pitch_hz * time_s) / k for k in range(1, 20))
    return 0.1 * harmonics * np.clip(np.sin(2 * np.pi * 1.5 * time_s), 0, None)


def write_pairs(folder: Path) -> Path:
    """Write voices and the same in noise: `clean` and `noisy`, 000 to 003, and `index.csv` with their SNR."""
    generator = np.random.default_rng(0)
    rows = ["id,snr_db"]
    for number, snr_db in enumerate((-5, 0, 5, 10)):
        speech = voice(4 + number / 2, pitch_hz=100 + 30 * number)
        noise = generator.standard_normal(len(speech))
        noise *= np.std(speech) / np.std(noise) * 10 ** (-snr_db / 20)
        for kind, samples in (("clean", speech), ("noisy", speech + noise)):
            (folder / kind).mkdir(exist_ok=True)
            soundfile.write(folder / kind / f"{number:03}.flac", 0.5 * samples, SAMPLE_RATE)
        rows.append(f"{number:03},{snr_db}")
    (folder / "index.csv").write_text("\n".join(rows))
    return folder
