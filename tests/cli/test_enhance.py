"""`undin enhance` on real files: what comes out is the input's kind and length, lines up, and nothing is ever lost."""

import numpy as np
import pytest
import soundfile
from support import step_models
from support.audio_files import files_below, noise, read, write

from undin import load
from undin.cli import main


@pytest.fixture(scope="module")
def identity(tmp_path_factory) -> str:
    """A model that changes nothing."""
    return str(step_models.identity(tmp_path_factory.mktemp("models") / "identity.onnx"))


@pytest.fixture(scope="module")
def half(tmp_path_factory) -> str:
    """A model that halves all sound."""
    return str(step_models.gain(tmp_path_factory.mktemp("models") / "half.onnx", 0.5))


def enhance(*args: object) -> int:
    return main(["enhance", *map(str, args)])


@pytest.mark.parametrize(
    ("suffix", "subtype", "sample_rate", "channels", "tolerance"),
    [
        ("wav", "PCM_U8", 8_000, 1, 2**-7),
        ("wav", "PCM_16", 44_100, 2, 2**-15),
        ("wav", "PCM_24", 48_000, 6, 2**-21),
        ("wav", "PCM_32", 16_000, 1, 1e-6),
        ("wav", "FLOAT", 22_050, 1, 1e-6),
        ("wav", "DOUBLE", 16_000, 1, 1e-6),
        ("wav", "ULAW", 8_000, 1, 0.02),
        ("flac", "PCM_16", 16_000, 2, 2**-15),
        ("flac", "PCM_24", 96_000, 1, 2**-21),
        ("aiff", "PCM_16", 16_000, 1, 2**-15),
        ("ogg", "VORBIS", 44_100, 2, None),
        ("ogg", "OPUS", 48_000, 1, None),
        ("mp3", "MPEG_LAYER_III", 44_100, 1, None),
    ],
)
def test_kind_and_length_are_kept_and_output_lines_up(
    tmp_path, identity, suffix, subtype, sample_rate, channels, tolerance
):
    time = np.arange(2 * sample_rate + 17) / sample_rate
    sweep = 0.3 * np.sin(2 * np.pi * (200 + 300 * time) * time) * (1 + np.sin(7 * time)) / 2
    source = write(tmp_path / f"a.{suffix}", np.stack([sweep] * channels, axis=1), sample_rate, subtype)
    assert enhance(source, "--model", identity) == 0
    before, after = soundfile.info(source), soundfile.info(tmp_path / f"a_enhanced.{suffix}")
    for name in ("samplerate", "channels", "frames", "format", "subtype"):
        assert getattr(after, name) == getattr(before, name)
    difference = read(tmp_path / f"a_enhanced.{suffix}") - read(source)
    if tolerance is None:  # coded twice: what matters is that nothing is shifted, which would give 0 dB or less
        assert np.mean(difference**2) < 1e-2 * np.mean(read(source) ** 2)
    else:
        assert np.abs(difference).max() <= tolerance


@pytest.mark.parametrize("length", [0, 1, 255, 16_384, 16_385])
def test_lengths(tmp_path, half, capsys, length):
    source = write(tmp_path / "a.wav", noise(length, 2))
    assert enhance(source, "-o", tmp_path / "b.wav", "--model", half) == 0
    np.testing.assert_allclose(read(tmp_path / "b.wav"), read(source) / 2, atol=2**-15)
    assert ("has no samples" in capsys.readouterr().err) == (length == 0)


def test_silent_clipped_and_not_finite_samples(tmp_path, identity, capsys):
    clipped = np.sign(np.sin(np.arange(16_000) / 30)).astype(np.float32)[:, np.newaxis]
    odd = noise(16_000)
    odd[[100, 5000, 9000]] = np.array([[np.nan], [np.inf], [-np.inf]])
    sources = {"silent": np.zeros((16_000, 1), np.float32), "clipped": clipped, "over": 3 * clipped, "odd": odd}
    for name, samples in sources.items():
        write(tmp_path / "in" / f"{name}.wav", samples, subtype="PCM_16" if name == "clipped" else "FLOAT")
    assert enhance(tmp_path / "in", "-o", tmp_path / "out", "--model", identity) == 0
    warnings = capsys.readouterr().err
    expected = sources | {"odd": np.nan_to_num(odd, posinf=0, neginf=0)}
    for name, samples in expected.items():
        np.testing.assert_allclose(read(tmp_path / "out" / f"{name}.wav"), samples, atol=1e-4)
    assert "odd.wav: 3 samples were not finite" in warnings
    assert warnings.count("warning") == 1


def test_clipped_input_does_not_wrap_around(tmp_path):
    model = step_models.gain(tmp_path / "louder.onnx", 1.5)
    square = np.sign(np.sin(np.arange(16_000) / 100)).astype(np.float32)
    source = write(tmp_path / "a.wav", square, subtype="PCM_16")
    assert enhance(source, "-o", tmp_path / "b.wav", "--model", model) == 0
    output = read(tmp_path / "b.wav")[:, 0]
    assert np.all(output[np.abs(square) > 0] * square[np.abs(square) > 0] > 0.99)


def test_damaged_files_among_good_ones(tmp_path, half, capsys):
    write(tmp_path / "in" / "good.wav", noise(16_000))
    write(tmp_path / "in" / "deep" / "good.flac", noise(16_000))
    damaged = write(tmp_path / "in" / "broken.flac", noise(80_000))
    damaged.write_bytes(damaged.read_bytes()[:60_000])
    (tmp_path / "in" / "garbage.wav").write_bytes(np.random.default_rng(0).bytes(5000))
    (tmp_path / "in" / "nothing.wav").touch()
    cut = write(tmp_path / "in" / "cut.mp3", noise(80_000))
    cut.write_bytes(cut.read_bytes()[:15_000])
    assert enhance(tmp_path / "in", "-o", tmp_path / "out", "--model", half) == 1
    assert files_below(tmp_path / "out") == ["cut.mp3", "deep/good.flac", "good.wav"]
    captured = capsys.readouterr()
    errors = [line for line in captured.err.splitlines() if line.startswith("undin: error:")]
    for name in ("broken.flac: damaged", "garbage.wav: not audio", "nothing.wav: empty", "3 of 6 inputs failed"):
        assert sum(name in line for line in errors) == 1
    assert "cut.mp3: ends after" in captured.err
    assert "Traceback" not in captured.err
    assert captured.out.startswith("3 files")


def test_one_bad_input_is_one_sentence(tmp_path, half, capsys):
    assert enhance(tmp_path / "missing.wav", "--model", half) == 1
    captured = capsys.readouterr()
    assert captured.err == f"undin: error: {tmp_path}/missing.wav: No such file or directory\n"
    assert captured.out == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a.wav", "-o", "a.wav"], "would overwrite an input"),
        (["a.wav", "b.wav", "-o", "b.wav"], "several inputs need a folder"),
        (["a.wav", "b.wav", "-o", "."], "would overwrite an input"),
        (["a.wav", "tree/a.wav", "-o", "out"], "a.wav and tree/a.wav would both go there"),
        (["a.wav", "a_enhanced.wav"], "would overwrite an input"),
        (["nothing*.wav"], "no file matches"),
        (["hollow"], "no audio files in this folder"),
        (["a.wav", "--model", "undin-huge"], "unknown model 'undin-huge'"),
        (["a.wav", "--model", "missing.onnx"], "no model file missing.onnx"),
        (["a.wav", "--atten-lim-db", "-3"], "atten_lim_db must be 0 dB or more"),
        (["a.wav", "--rate", "8000"], "give - as the only input"),
        (["-", "a.wav"], "give no other input"),
        (["-", "--rate", "10"], "sample_rate must be"),
    ],
)
def test_refusals_touch_nothing(tmp_path, monkeypatch, half, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    for name in ("a.wav", "b.wav", "a_enhanced.wav", "tree/a.wav"):
        write(tmp_path / name, noise(100))
    (tmp_path / "hollow").mkdir()
    before = {name: (tmp_path / name).read_bytes() for name in files_below(tmp_path)}
    assert enhance(*arguments, *([] if "--model" in arguments else ["--model", half])) == 1
    error = capsys.readouterr().err
    assert words in error
    assert error.startswith("undin: error: ") and error.count("\n") == 1
    assert {name: (tmp_path / name).read_bytes() for name in files_below(tmp_path)} == before


def test_names_of_outputs(tmp_path, monkeypatch, half):
    monkeypatch.chdir(tmp_path)
    for name in ("a.wav", "tree/b.wav", "tree/deep/c.flac"):
        write(tmp_path / name, noise(100))
    (tmp_path / "tree" / "notes.txt").write_text("not audio")
    inputs = files_below(tmp_path)

    def made_by(*arguments: str) -> list[str]:
        assert enhance(*arguments, "--model", half) == 0
        made = [name for name in files_below(tmp_path) if name not in inputs]
        for name in made:
            (tmp_path / name).unlink()
        return made

    (tmp_path / "out").mkdir()
    assert made_by("a.wav") == ["a_enhanced.wav"]
    assert made_by("a.wav", "-o", "new/x.flac") == ["new/x.flac"]
    assert made_by("a.wav", "-o", "out") == ["out/a.wav"]
    assert made_by("tree") == ["tree_enhanced/b.wav", "tree_enhanced/deep/c.flac"]
    assert made_by("tree", "a.wav", "-o", "all") == ["all/a.wav", "all/b.wav", "all/deep/c.flac"]
    assert made_by("tree/**/*.*c", "tree/*.wav") == ["tree/b_enhanced.wav", "tree/deep/c_enhanced.flac"]


def test_outputs_within_an_input_folder_are_no_inputs_next_time(tmp_path, monkeypatch, half):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.wav", noise(100))
    for _ in range(2):
        assert enhance(".", "-o", "enhanced", "--model", half) == 0
        assert files_below(tmp_path) == ["a.wav", "enhanced/a.wav"]


def test_attenuation_limit(tmp_path, half):
    source = write(tmp_path / "a.wav", noise(16_000), subtype="PCM_16")
    assert enhance(source, "-o", tmp_path / "b.wav", "--model", half, "--atten-lim-db", 0) == 0
    np.testing.assert_array_equal(read(tmp_path / "b.wav"), read(source))


def test_a_compiled_model_does_as_its_onnx_file(tmp_path, half):
    source = write(tmp_path / "a.wav", noise(16_000))
    library = load(half).engine.path
    for name, model in (("b.wav", half), ("c.wav", library)):
        assert enhance(source, "-o", tmp_path / name, "--model", model) == 0
    np.testing.assert_array_equal(read(tmp_path / "b.wav"), read(tmp_path / "c.wav"))


def test_several_processes_give_the_same_files(tmp_path, half, capsys):
    for index in range(4):
        write(tmp_path / "in" / f"{index}.wav", noise(5_000 + index))
    (tmp_path / "in" / "bad.wav").write_bytes(b"bad")
    for jobs in (1, 2):
        assert enhance(tmp_path / "in", "-o", tmp_path / f"out{jobs}", "--model", half, "--jobs", jobs) == 1
        assert "bad.wav: not audio" in capsys.readouterr().err
    assert files_below(tmp_path / "out1") == files_below(tmp_path / "out2") == [f"{index}.wav" for index in range(4)]
    for name in files_below(tmp_path / "out1"):
        assert (tmp_path / "out1" / name).read_bytes() == (tmp_path / "out2" / name).read_bytes()


def test_report(tmp_path, half, capsys):
    time = np.arange(48_000) / 16_000
    source = write(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 1000 * time))
    assert enhance(source, "--model", half) == 0
    report = capsys.readouterr().out
    assert "input level       -9.0 dBFS RMS, peak -6.0 dBFS" in report
    assert "latency           31.9 ms (511 samples at 16000 Hz)" in report
    assert "(3.0 s of audio in 0." in report


def test_picture(tmp_path, half):
    source = write(tmp_path / "a.wav", noise(16_000, 2), 44_100)
    assert enhance(source, "-o", tmp_path / "b.wav", "--plot", "--model", half) == 0
    assert files_below(tmp_path) == ["a.wav", "b.png", "b.wav"]
    assert (tmp_path / "b.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "b.png").stat().st_size > 20_000


def test_speech_lines_up(tmp_path, noisy_speech, identity):
    source = write(tmp_path / "noisy.flac", noisy_speech)
    assert enhance(source, "-o", tmp_path / "a.flac", "--model", identity) == 0
    np.testing.assert_allclose(read(tmp_path / "a.flac"), read(source), atol=2**-15)
