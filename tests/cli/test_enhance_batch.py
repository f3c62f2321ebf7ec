"""Runs of `undin enhance` over many files: nothing is passed over, nothing is lost, and programs can follow."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
from support import step_models
from support.audio_files import files_below, noise, read, write

import undin
from undin.cli import main

UNDIN = [sys.executable, "-c", "import sys; from undin.cli import main; sys.exit(main())", "enhance"]


@pytest.fixture(scope="module")
def half(tmp_path_factory) -> str:
    """A model that halves all sound."""
    path = step_models.gain(tmp_path_factory.mktemp("models") / "half.onnx", 0.5)
    undin.Stream(model=path)
    return str(path)


@pytest.fixture(autouse=True)
def without_pyav(monkeypatch):
    """What libsndfile cannot open is left out, as where the extra media is not installed."""
    monkeypatch.setattr("undin.io.media.is_there", lambda: False)


@pytest.fixture
def enhance(half):
    return lambda *arguments: main(["enhance", *map(str, arguments), "--model", half])


def test_what_a_folder_holds_besides_is_counted_and_named(tmp_path, enhance, capsys):
    kinds = {"a.wav": "WAV", "b.sph": "NIST", "c.voc": "VOC", "d.wave": "WAV", "e.AIFC": "AIFF"}
    for name, container in kinds.items():
        soundfile.write(tmp_path / name, noise(100), 16_000, format=container, subtype="PCM_16")
    soundfile.write(tmp_path / "take1", noise(100), 16_000, format="FLAC")
    for index in range(7):
        (tmp_path / f"{index}.wma").write_bytes(bytes(100))
    (tmp_path / "raw.pcm").write_bytes(bytes(100))
    (tmp_path / "notes.txt").write_text("not audio")
    assert enhance(tmp_path, "-o", tmp_path / "out") == 0
    assert files_below(tmp_path / "out") == ["a.wav", "b.sph", "c.voc", "d.wave", "e.AIFC"]
    warnings = capsys.readouterr().err
    assert '7 left out, libsndfile cannot open such files: pip install "undin[media]"' in warnings
    assert "4.wma and 2 more (--verbose names them)" in warnings
    assert "1 left out, sound with a name that says otherwise" in warnings and "take1" in warnings
    assert "1 left out, samples without a header" in warnings and "raw.pcm" in warnings
    assert "notes.txt" not in warnings
    assert enhance(tmp_path, "-o", tmp_path / "out", "--strict", "--verbose") == 1
    assert "6.wma" in capsys.readouterr().err


def test_a_folder_of_what_cannot_be_opened_says_so(tmp_path, enhance, capsys):
    (tmp_path / "a.amr").write_bytes(b"#!AMR\n")
    assert enhance(tmp_path) == 1
    assert "but 1 files that were left out (a.amr: libsndfile cannot open such files" in capsys.readouterr().err


def test_links_are_followed_and_loops_are_not(tmp_path, enhance, capsys):
    write(tmp_path / "in" / "a.wav", noise(100))
    write(tmp_path / "other" / "b.wav", noise(100))
    (tmp_path / "in" / "link").symlink_to(tmp_path / "other")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "c.wav").symlink_to(tmp_path / "other" / "b.wav")
    (tmp_path / "in" / "broken.wav").symlink_to(tmp_path / "nowhere")
    assert enhance(tmp_path / "in", "-o", tmp_path / "out") == 0
    assert files_below(tmp_path / "out") == ["a.wav", "c.wav", "link/b.wav"]
    assert f"1 left out, a link that leads nowhere: {tmp_path / 'in' / 'broken.wav'}" in capsys.readouterr().err


def test_folders_that_cannot_be_read_are_named(tmp_path, enhance, capsys, monkeypatch):
    write(tmp_path / "a.wav", noise(100))
    (tmp_path / "closed").mkdir()
    scandir = os.scandir

    def refusing(place):  # root may read all
        if os.path.basename(place) == "closed":
            raise PermissionError(13, "Permission denied", os.fspath(place))
        return scandir(place)

    monkeypatch.setattr("os.scandir", refusing)
    assert enhance(tmp_path, "-o", tmp_path / "out") == 0
    assert f"a folder that cannot be read (Permission denied): {tmp_path / 'closed'}" in capsys.readouterr().err


def test_names_control_no_terminal(tmp_path, enhance, capsys):
    write(tmp_path / "a.wav", noise(100)).rename(tmp_path / "a\x1b[2J.wav")
    assert enhance(tmp_path / "a\x1b[2J.wav") == 0
    assert "a�[2J.wav" in capsys.readouterr().out


@pytest.mark.parametrize("plot", [False, True])
def test_names_that_are_not_utf_8(tmp_path, enhance, capsys, plot):
    odd = os.fsdecode(b"caf\xe9")
    (tmp_path / odd).mkdir()
    for suffix in ("wav", "flac"):
        write(tmp_path / f"x.{suffix}", noise(1000)).rename(tmp_path / odd / f"{odd}-{suffix}.{suffix}")
    (tmp_path / odd / f"{odd}.m4a").touch()
    assert enhance(tmp_path / odd, "-o", tmp_path / "out", *(["--plot"] if plot else [])) == 0
    assert len(files_below(tmp_path / "out")) == (4 if plot else 2)
    assert enhance(tmp_path / odd / f"{odd}-wav.wav", "-o", tmp_path / "o.wav", *(["--plot"] if plot else [])) == 0
    capsys.readouterr()
    assert enhance(tmp_path / odd, "-o", tmp_path / "out", "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {os.path.basename(row["input"]) for row in rows} == {f"{odd}.m4a", f"{odd}-wav.wav", f"{odd}-flac.flac"}


@pytest.mark.parametrize("name", ["a.sd2", "a.raw", "a.vox"])
def test_files_without_a_header_are_refused(tmp_path, enhance, capsys, name):
    (tmp_path / name).write_bytes(noise(500).tobytes())
    assert enhance(tmp_path / name) == 1
    assert len(files_below(tmp_path)) == 1
    error = capsys.readouterr().err
    assert name in error and error.count("\n") == 1


def test_outputs_of_an_earlier_run_are_no_inputs(tmp_path, enhance, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.wav", "deep/b.flac"):
        write(tmp_path / name, noise(100))
    inputs = files_below(tmp_path)
    assert enhance("*.wav") == enhance("deep") == 0
    assert files_below(tmp_path) == ["a.wav", "a_enhanced.wav", "deep/b.flac", "deep_enhanced/b.flac"]
    assert enhance("*.wav") == enhance("deep/*") == enhance(".", "-o", "out") == 0
    assert files_below(tmp_path / "out") == inputs
    assert "left out, made by an earlier run" in capsys.readouterr().err
    assert enhance("a_enhanced.wav") == 0  # by name it is an input as any other


def test_skip_existing_and_overwrite(tmp_path, enhance, capsys):
    for name in "abc":
        write(tmp_path / "in" / f"{name}.wav", noise(1000))
    assert enhance(tmp_path / "in" / "a.wav", "-o", tmp_path / "out" / "a.wav") == 0
    (tmp_path / "out" / "a.wav").write_text("kept")
    assert enhance(tmp_path / "in", "-o", tmp_path / "out", "--skip-existing") == 0
    assert "1 outputs were there already" in capsys.readouterr().out
    assert (tmp_path / "out" / "a.wav").read_text() == "kept"
    assert files_below(tmp_path / "out") == ["a.wav", "b.wav", "c.wav"]
    assert enhance(tmp_path / "in", "-o", tmp_path / "out", "--overwrite") == 0
    np.testing.assert_array_equal(read(tmp_path / "out" / "a.wav"), read(tmp_path / "out" / "b.wav"))
    with pytest.raises(SystemExit):
        enhance(tmp_path / "in", "--skip-existing", "--overwrite")


def test_times_of_files_on_request(tmp_path, enhance):
    source = write(tmp_path / "a.wav", noise(100))
    os.utime(source, (1_000_000_000, 1_000_000_000))
    assert enhance(source) == 0
    assert (tmp_path / "a_enhanced.wav").stat().st_mtime > 1_700_000_000
    assert enhance(source, "--keep-times") == 0
    assert (tmp_path / "a_enhanced.wav").stat().st_mtime == 1_000_000_000


@pytest.mark.parametrize("jobs", [1, 2])
def test_json_tells_everything(tmp_path, enhance, capsys, jobs):
    write(tmp_path / "in" / "a.wav", noise(16_000))
    write(tmp_path / "in" / "silent.flac", np.zeros((8_000, 2), np.float32))
    (tmp_path / "in" / "bad.wav").write_bytes(b"bad")
    (tmp_path / "in" / "c.m4a").touch()
    write(tmp_path / "out" / "done.wav", noise(10))
    write(tmp_path / "in" / "done.wav", noise(10))
    arguments = [tmp_path / "in", "-o", tmp_path / "out", "--json", "--skip-existing", "--jobs", jobs]
    assert enhance(*arguments) == 1
    rows = {os.path.basename(row["input"]): row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    statuses = {name: row["status"] for name, row in rows.items()}
    assert statuses == {
        "a.wav": "done", "silent.flac": "done", "bad.wav": "failed", "c.m4a": "left out", "done.wav": "skipped"
    }  # fmt: skip
    assert rows["a.wav"]["audio_seconds"] == 1.0 and rows["a.wav"]["sample_rate"] == 16_000
    assert rows["a.wav"]["output"] == str(tmp_path / "out" / "a.wav")
    assert rows["silent.flac"]["level_dbfs"] is None
    assert "not audio" in rows["bad.wav"]["error"]


def test_quiet_and_verbose(tmp_path, enhance, capsys):
    for name in "ab":
        write(tmp_path / "in" / f"{name}.wav", noise(1000))
    assert enhance(tmp_path / "in", "--quiet") == 0
    assert capsys.readouterr() == ("", "")
    assert enhance(tmp_path / "in", "--verbose") == 0
    captured = capsys.readouterr()
    assert "b.wav, -20.2 dBFS RMS, peak -8.2 dBFS" in captured.err
    assert "wall time" in captured.out
    assert enhance(tmp_path / "in", "--jobs", 2) == 0
    assert "s, 2 files at a time" in capsys.readouterr().out


def test_strict_turns_warnings_into_a_status(tmp_path, enhance, capsys):
    content = write(tmp_path / "a.wav", noise(32_000)).read_bytes()
    assert enhance(tmp_path / "a.wav", "--strict") == 0
    (tmp_path / "a.wav").write_bytes(content[:20_044])
    assert enhance(tmp_path / "a.wav") == 0
    assert enhance(tmp_path / "a.wav", "--strict") == 1
    assert "ends after 0.6 s, but its header promises 2.0 s" in capsys.readouterr().err
    assert len(read(tmp_path / "a_enhanced.wav")) == 10_000


@pytest.mark.parametrize(("scale", "told"), [(1, None), (3, None), (30, "32"), (32_768, "32768")])
def test_samples_far_beyond_full_scale_are_told_of(tmp_path, enhance, capsys, scale, told):
    samples = noise(16_000)
    samples *= 0.9 / np.abs(samples).max()
    source = write(tmp_path / "a.wav", samples * scale, subtype="FLOAT")
    assert enhance(source) == 0
    warnings = capsys.readouterr().err
    assert (f"--full-scale {told} takes {told} as full scale" in warnings) if told else (warnings == "")
    if told:
        assert enhance(source, "--full-scale", told) == 0
        assert capsys.readouterr().err == ""
        np.testing.assert_allclose(read(tmp_path / "a_enhanced.wav"), read(source) / 2, rtol=1e-3, atol=1e-3 * scale)


def test_level_does_not_matter_where_the_scale_is_known(tmp_path):
    samples = noise(32_000)
    for scale in (1, 32_768):
        write(tmp_path / f"{scale}.wav", samples * scale, subtype="FLOAT")
        arguments = ["enhance", str(tmp_path / f"{scale}.wav"), "--full-scale", str(scale), "--model", "undin-nano"]
        assert main(arguments) == 0
    np.testing.assert_array_equal(read(tmp_path / "32768_enhanced.wav") / 32_768, read(tmp_path / "1_enhanced.wav"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_signals_that_end_a_run_leave_nothing_half_written(tmp_path, half, number, jobs):
    for index in range(2):
        write(tmp_path / "in" / f"{index}.wav", np.zeros((16_000 * 1800, 1), np.int16))
    command = [*UNDIN, tmp_path / "in", "-o", tmp_path / "out", "--model", half, "--jobs", jobs]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "out").glob(".*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    assert process.communicate(timeout=60)[1] == b""
    assert process.returncode == 128 + number
    assert files_below(tmp_path / "out") == []


def test_the_picture_is_named(tmp_path, enhance, capsys):
    write(tmp_path / "a.wav", noise(16_000))
    assert enhance(tmp_path / "a.wav", "--plot") == 0
    assert f"a_enhanced.wav, {tmp_path}/a_enhanced.png" in capsys.readouterr().out


@pytest.mark.parametrize(("suffix", "subtype"), [("mp3", None), ("ogg", "VORBIS"), ("opus", "OPUS")])
def test_quality_of_lossy_outputs(tmp_path, enhance, suffix, subtype):
    source = tmp_path / f"a.{suffix}"
    soundfile.write(source, noise(480_000), 48_000, format="MP3" if suffix == "mp3" else "OGG", subtype=subtype)
    sizes = []
    for quality in (0, 0.5, 1):
        assert enhance(source, "-o", tmp_path / f"b.{suffix}", "--quality", quality) == 0
        assert soundfile.info(tmp_path / f"b.{suffix}").frames == 480_000
        sizes.append((tmp_path / f"b.{suffix}").stat().st_size)
    assert sizes[0] < 0.9 * sizes[1] < 0.8 * sizes[2]
