"""A set is a function of seed and number: whoever mixes it, and however often it was ended."""

import pytest
from support import small_recipe

from undin.cluster import Processes
from undin.data import freeze
from undin.data.mixing_config import MixingConfig


def test_who_mixes_changes_no_bit_and_an_ended_run_goes_on(tmp_path, monkeypatch):
    small_recipe.write(tmp_path)
    sources = ((str(tmp_path / "speech"),), (str(tmp_path / "noise"),))
    mixing = freeze.Mixing(*sources, MixingConfig(rooms=2), sample_rate=16_000, segment_samples=8_000, seed=3)
    freeze.freeze(mixing, tmp_path / "alone", count=40)
    usual, told = freeze._row, []

    def ending_after_twenty(*args):
        told.append(args)
        if len(told) > 20:
            raise RuntimeError("ended")
        return usual(*args)

    with monkeypatch.context() as broken, pytest.raises(RuntimeError):
        broken.setattr("undin.io.journal.SAVE_SECONDS", 0)
        broken.setattr(freeze, "_row", ending_after_twenty)
        freeze.freeze(mixing, tmp_path / "set", count=40)
    left = {path: path.stat().st_mtime_ns for path in (tmp_path / ".set.partial" / "noisy").iterdir()}
    assert len(left) == 20 and not (tmp_path / "set").exists()
    freeze.freeze(mixing, tmp_path / "set", count=40, engine=Processes(2))
    assert not (tmp_path / ".set.partial").exists()
    kept = [path.name for path, time in left.items() if (tmp_path / "set/noisy" / path.name).stat().st_mtime_ns == time]
    assert sorted(kept) == [f"{number:03d}.flac" for number in range(16)]  # the first batch was noted

    def files(name: str) -> dict[str, bytes]:
        folder = tmp_path / name
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    assert files("set") == files("alone") and len(files("set")) == 81
