"""The full-band validation set: what its table says is what is mixed."""

import csv
import importlib.util
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from undin.data.level import active_level_dbfs
from undin.train.recipe import load_recipe

pytestmark = pytest.mark.quick
SCRIPT = Path("scripts/valid48.py")


@pytest.fixture(scope="module")
def valid48():
    spec = importlib.util.spec_from_file_location("valid48", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_pair_is_as_its_row_says(tmp_path, valid48):
    generator = np.random.default_rng(1)
    rates_hz = {"speech/a.flac": 48_000, "speech/b.flac": 48_000, "noise/c.flac": 44_100}
    for name, rate_hz in rates_hz.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        soundfile.write(tmp_path / name, 0.05 * generator.standard_normal(8 * rate_hz), rate_hz)
    row = {"snr_db": "5", "speech_level_dbfs": "-26", "speech_start": str(4 * 48_000), "noise_start": "48000"}
    clean, noisy = valid48.pair(tmp_path, row | {"speech": "a.flac | b.flac", "noise": "c.flac"})
    first, second = (soundfile.read(tmp_path / "speech" / name)[0] for name in ("a.flac", "b.flac"))
    said = np.concatenate([first[4 * 48_000 :], second[: 2 * 48_000]])
    np.testing.assert_allclose(clean / np.abs(clean).max(), said / np.abs(said).max(), atol=1e-5)
    assert float(active_level_dbfs(torch.from_numpy(clean)[None], sample_rate=48_000)) == pytest.approx(-26, abs=0.01)
    noise = (noisy - clean).astype(float)
    assert 10 * np.log10(np.mean(noise**2)) == pytest.approx(-31, abs=0.01)


def test_no_recipe_for_full_band_hears_what_the_table_names(valid48):
    with open(valid48.TABLE, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = {Path(name) for row in rows for kind in ("speech", "noise") for name in row[kind].split(" | ")}
    for path in Path("recipes").glob("*-48k.toml"):
        left_out = set(load_recipe(path).data.leave_out)
        assert all(left_out & set(name.parts[:-1]) for name in names)
