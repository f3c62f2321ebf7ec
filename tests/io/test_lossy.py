"""Lossy files keep their bit rate and their level."""

import numpy as np
import pytest
import soundfile
from support import step_models
from support.audio_files import read

from undin.cli import main
from undin.io import audio

CASES = [
    ("mp3", "MPEG_LAYER_III", 16_000, 1, {"bitrate_mode": "CONSTANT", "compression_level": 0.5}),
    ("mp3", "MPEG_LAYER_III", 44_100, 2, {"bitrate_mode": "CONSTANT", "compression_level": 0.65}),
    ("mp3", "MPEG_LAYER_III", 44_100, 2, {"bitrate_mode": "CONSTANT", "compression_level": 0.2}),
    ("mp3", "MPEG_LAYER_III", 44_100, 1, {"bitrate_mode": "VARIABLE", "compression_level": 0.2}),
    ("opus", "OPUS", 48_000, 1, {"compression_level": 0.8}),
    ("opus", "OPUS", 48_000, 2, {"compression_level": 0.4}),
    ("ogg", "VORBIS", 44_100, 2, {"compression_level": 0.7}),
    ("ogg", "VORBIS", 16_000, 1, {"compression_level": 0.1}),
]


@pytest.mark.parametrize(("suffix", "subtype", "rate", "channels", "settings"), CASES)
def test_bit_rate_and_level_are_kept(tmp_path, suffix, subtype, rate, channels, settings):
    half = step_models.gain(tmp_path / "half.onnx", 0.5)
    time = np.arange(4 * rate) / rate
    sound = 0.2 * np.sin(2 * np.pi * (200 + 100 * np.sin(time)) * time)
    sound += 0.005 * np.random.default_rng(0).standard_normal(len(time))
    source, output = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
    container = {"mp3": "MP3"}.get(suffix, "OGG")
    with soundfile.SoundFile(source, "w", rate, channels, subtype, format=container, **settings) as file:
        file.write(np.stack([sound] * channels, axis=1))
    assert main(["enhance", str(source), "-o", str(output), "--model", str(half)]) == 0
    before, after = read(source)[rate // 4 : -rate // 4, 0], read(output)[rate // 4 : -rate // 4, 0]
    assert len(before) == len(after)
    assert (before @ after) / (before @ before) == pytest.approx(0.5, rel=0.02)
    first, second = audio.read_info(source).bit_rate, audio.read_info(output).bit_rate
    assert second.is_constant == first.is_constant
    assert second.bits_per_s == pytest.approx(first.bits_per_s, rel=0.0 if first.is_constant else 0.25)
