"""`undin enhance` on pipes of every kind: what has a header is that file, and comes out as one; nothing hangs."""

import io
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import soundfile
from support import step_models
from support.audio_files import noise, read, write

import undin
from undin.cli import main
from undin.io import audio

UNDIN = [sys.executable, "-c", "import sys; from undin.cli import main; sys.exit(main())", "enhance"]


@pytest.fixture(scope="module")
def half(tmp_path_factory) -> str:
    """A model that halves all sound."""
    path = step_models.gain(tmp_path_factory.mktemp("models") / "half.onnx", 0.5)
    undin.Stream(model=path)
    return str(path)


def enhance(*arguments: object, **options) -> subprocess.CompletedProcess:
    return subprocess.run([*UNDIN, *map(str, arguments)], capture_output=True, timeout=60, **options)


@pytest.mark.parametrize(
    ("suffix", "subtype", "sample_rate", "channels"),
    [
        ("wav", "PCM_16", 48_000, 2),
        ("wav", "PCM_24", 8_000, 1),
        ("wav", "FLOAT", 44_100, 1),
        ("wav", "ULAW", 8_000, 1),
        ("rf64", "PCM_16", 16_000, 1),
        ("flac", "PCM_16", 44_100, 2),
        ("ogg", "VORBIS", 44_100, 1),
        ("ogg", "OPUS", 48_000, 1),
        ("mp3", "MPEG_LAYER_III", 44_100, 1),
        ("aiff", "PCM_16", 16_000, 1),
        ("caf", "PCM_16", 16_000, 1),
        ("au", "PCM_16", 16_000, 1),
    ],
)
@pytest.mark.parametrize("way", ["pipe", "redirection"])
def test_a_file_on_standard_input_comes_out_as_one(tmp_path, half, suffix, subtype, sample_rate, channels, way):
    source = write(tmp_path / f"a.{suffix}", noise(20_001, channels), sample_rate, subtype)
    assert main(["enhance", str(source), "--model", half]) == 0
    if way == "pipe":
        run = enhance("-", "--model", half, input=source.read_bytes())
        output = run.stdout
    else:
        with open(source, "rb") as stdin, open(tmp_path / "out", "wb") as stdout:
            run = subprocess.run([*UNDIN, "-", "--model", half], stdin=stdin, stdout=stdout, stderr=subprocess.PIPE)
        output = (tmp_path / "out").read_bytes()
    assert run.returncode == 0 and b"warning" not in run.stderr
    expected = soundfile.info(tmp_path / f"a_enhanced.{suffix}")
    found = soundfile.info(io.BytesIO(output))
    for name in ("samplerate", "channels", "frames", "format", "subtype"):
        assert getattr(found, name) == getattr(expected, name)
    samples, _ = soundfile.read(io.BytesIO(output), dtype="float32", always_2d=True)
    np.testing.assert_array_equal(samples, read(tmp_path / f"a_enhanced.{suffix}"))
    assert f"{sample_rate} Hz".encode() in run.stderr


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF - 36])
def test_a_wav_that_does_not_know_its_length_streams(tmp_path, half, size):
    content = bytearray(write(tmp_path / "a.wav", noise(16_000), subtype="PCM_16").read_bytes())
    assert main(["enhance", str(tmp_path / "a.wav"), "--model", half]) == 0
    content[40:44] = size.to_bytes(4, "little")
    process = subprocess.Popen(
        [*UNDIN, "-", "--model", half], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdin.write(content[:16_044])
    process.stdin.flush()
    first = process.stdout.read(44 + 36 + 16_000 - 2 * 511)  # all but the latency comes while the pipe stays open
    process.stdin.write(content[16_044:])
    rest, errors = process.communicate(timeout=20)
    assert process.returncode == 0 and b"warning" not in errors
    (tmp_path / "b.wav").write_bytes(first + rest)
    with audio.open_reader(tmp_path / "b.wav") as reader:
        samples = np.concatenate(list(reader.blocks(1000)))
    np.testing.assert_array_equal(samples, read(tmp_path / "a_enhanced.wav"))


def test_a_wav_that_ends_early_in_a_pipe(tmp_path, half):
    content = write(tmp_path / "a.wav", noise(32_000), subtype="PCM_16").read_bytes()
    run = enhance("-", "--model", half, input=content[:32_044])
    assert run.returncode == 0
    assert b"ends after 1.0 s, but its header promises 2.0 s" in run.stderr
    assert len(run.stdout) == 32_044


def test_what_stands_behind_the_sound_of_a_pipe_is_told_of(tmp_path, half):
    content = write(tmp_path / "a.wav", noise(1001), subtype="PCM_U8").read_bytes()
    tags = b"LIST\x04\0\0\0INFO"
    content = content[:4] + (len(content) + len(tags) - 8).to_bytes(4, "little") + content[8:] + tags
    run = enhance("-", "--model", half, input=content)
    assert run.returncode == 0 and b"12 bytes behind its sound, such as tags, stayed in the pipe" in run.stderr
    assert len(run.stdout) == len(content) - len(tags)


@pytest.mark.parametrize(
    ("order", "sample_format"), [("<i2", "s16le"), (">i2", "s16be"), ("<f8", "f64le"), ("u1", "u8")]
)
def test_raw_samples_of_other_types(half, order, sample_format):
    samples = noise(8000)[:, 0]
    scaled = {"<f8": samples, "u1": samples * 128 + 128}.get(order, samples * 32768)
    run = enhance("-", "--sample-format", sample_format, "--model", half, input=scaled.astype(order).tobytes())
    output = np.frombuffer(run.stdout, order).astype(float)
    output = {"<f8": output, "u1": (output - 128) / 128}.get(order, output / 32768)
    np.testing.assert_allclose(output, samples / 2, atol=2**-6 if order == "u1" else 2**-14)
    assert b"taken as 16000 Hz: --rate names another" in run.stderr
    run = enhance("-", "--rate", 8000, "--model", half, input=b"")
    assert (run.returncode, run.stdout) == (0, b"") and b"--rate" not in run.stderr


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_named_pipes_and_process_substitution(tmp_path, half, suffix):
    source = write(tmp_path / f"a.{suffix}", noise(20_000))
    assert main(["enhance", str(source), "--model", half]) == 0
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(source.read_bytes()))
    writer.start()
    assert enhance(tmp_path / "pipe", "-o", tmp_path / f"b.{suffix}", "--model", half).returncode == 0
    writer.join()
    reading, writing = os.pipe()
    writer = threading.Thread(target=lambda: (os.write(writing, source.read_bytes()), os.close(writing)))
    writer.start()
    name, place = f"/dev/fd/{reading}", tmp_path / f"c.{suffix}"
    assert enhance(name, "-o", place, "--model", half, pass_fds=[reading]).returncode == 0
    run = enhance("/dev/stdin", "-o", tmp_path / f"d.{suffix}", "--model", half, input=source.read_bytes())
    assert run.returncode == 0
    for name in "bcd":
        np.testing.assert_array_equal(read(tmp_path / f"{name}.{suffix}"), read(tmp_path / f"a_enhanced.{suffix}"))


def test_pipes_that_cannot_be_are_refused_at_once(tmp_path, half):
    for name in ("pipe", "pipe.wav"):
        os.mkfifo(tmp_path / name)
    start = time.monotonic()
    cases = [
        ((tmp_path / "pipe", "-o", tmp_path / "b.wav"), b"a named pipe that nobody writes to"),
        ((tmp_path / "pipe",), b"name the output file with -o"),
        ((tmp_path / "pipe", "-o", tmp_path), b"enhance it alone, with -o and the name of a file"),
        ((tmp_path / "pipe", "-o", tmp_path / "b.wav", "--plot"), b"give no --plot"),
        (("/dev/zero", "-o", tmp_path / "b.wav"), b"/dev/zero: not audio with a header"),
        (("/dev/null", "-o", tmp_path / "b.wav"), b"/dev/null: not audio with a header"),
        ((write(tmp_path / "a.wav", noise(100)), "-o", tmp_path / "pipe.wav"), b"not a regular file"),
    ]
    for arguments, words in cases:
        run = enhance(*arguments, "--model", half, stdin=subprocess.DEVNULL)
        assert run.returncode == 1 and words in run.stderr and run.stderr.count(b"\n") == 1, arguments
    assert time.monotonic() - start < 40
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav", "pipe", "pipe.wav"]
