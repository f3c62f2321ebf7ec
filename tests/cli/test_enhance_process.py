"""`undin enhance` as a process of its own: its memory, pipes, interrupts, a full disk, missing packages."""

import os
import shutil
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

MAX_HOUR_MEGABYTES = 200

PYTHON = [sys.executable, "-c"]
RUN = "import sys; from undin.cli import main; sys.exit(main())"


@pytest.fixture(scope="module")
def half(tmp_path_factory) -> str:
    """A model that halves all sound; it and the stream are compiled, which would not do with a full disk."""
    path = step_models.gain(tmp_path_factory.mktemp("models") / "half.onnx", 0.5)
    undin.Stream(model=path)
    return str(path)


def test_full_disk_leaves_nothing_behind(tmp_path, half):
    source = write(tmp_path / "a.wav", noise(100_000))
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)); {RUN}"
    run = subprocess.run([*PYTHON, limited, "enhance", source, "--model", half], capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr.startswith("undin: error: ") and "a_enhanced.wav: cannot be written" in run.stderr
    assert files_below(tmp_path) == ["a.wav"]


def test_without_matplotlib_only_pictures_fail(tmp_path, half):
    source = write(tmp_path / "a.wav", noise(100))
    bare = f"import sys; sys.modules['matplotlib'] = None; {RUN}"
    command = [*PYTHON, bare, "enhance", source, "--model", half]
    assert subprocess.run(command, capture_output=True).returncode == 0
    run = subprocess.run([*command, "--plot"], capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr == 'undin: error: this needs the package matplotlib; install it with: pip install "undin[plot]"\n'


def test_torch_is_never_imported(tmp_path, half):
    source = write(tmp_path / "a.wav", noise(1000))
    code = "import sys; from undin.cli import main; main(); sys.exit('torch' in sys.modules)"
    command = [*PYTHON, code, "enhance", source, "--plot", "--model", half]
    assert subprocess.run(command, capture_output=True).returncode == 0


def test_one_hour_in_constant_memory(tmp_path):
    # Longer frames than usual, to be done in seconds; what could pile up are samples, and those are all there.
    identity = step_models.identity(tmp_path / "identity.onnx", n_fft=2048, window=2048, hop=1024)
    source = tmp_path / "hour.wav"
    minute = noise(16_000 * 60)
    with soundfile.SoundFile(source, "w", 16_000, 1) as file:
        for _ in range(60):
            file.write(minute)
    # VmHWM, not ru_maxrss: the latter counts what the process that started this one held.
    code = "from undin.cli import main; main(); print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
    command = [*PYTHON, code, "enhance", source, "--model", identity]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(run.stdout.split()[-1]) / 1024 < MAX_HOUR_MEGABYTES
    output = tmp_path / "hour_enhanced.wav"
    assert soundfile.info(output).frames == 3600 * 16_000
    last = soundfile.read(output, start=3590 * 16_000)[0]
    assert np.abs(last - soundfile.read(source, start=3590 * 16_000)[0]).max() <= 2**-15
    source.unlink(), output.unlink()  # pytest keeps the folders of the last runs


@pytest.mark.parametrize(("sample_format", "channels"), [("s16le", 1), ("f32le", 2)])
def test_pipe_gives_the_samples_that_a_file_gives(tmp_path, half, sample_format, channels):
    samples = noise(48_000 + 5, channels)
    source = write(tmp_path / "a.wav", samples, 48_000, "PCM_16" if sample_format == "s16le" else "FLOAT")
    subprocess.run([*PYTHON, RUN, "enhance", source, "--model", half], check=True)
    raw = (read(source) * 32768).astype("<i2") if sample_format == "s16le" else samples.astype("<f4")
    command = [*PYTHON, RUN, "enhance", "-", "--rate", 48_000, "--channels", channels]
    command += ["--sample-format", sample_format, "--model", half]
    # A byte too many: the writer was cut off within a sample.
    run = subprocess.run([*map(str, command)], input=raw.tobytes() + b"x", capture_output=True, check=True)
    output = np.frombuffer(run.stdout, raw.dtype).reshape(-1, channels)
    full_scale = 32768 if sample_format == "s16le" else 1
    np.testing.assert_allclose(output / full_scale, read(tmp_path / "a_enhanced.wav"), atol=1e-6)
    assert b"its last 1 bytes are left out" in run.stderr
    assert b"real-time factor" in run.stderr


def test_pipe_is_live_and_ends_quietly_on_interrupt(half):
    process = subprocess.Popen(
        [*PYTHON, RUN, "enhance", "-", "--model", half],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    for _ in range(3):  # a tenth of a second in, and all but the latency comes out while the pipe stays open
        process.stdin.write(bytes(3200))
        process.stdin.flush()
    wanted = 3 * 3200 - 2 * 511
    assert len(os.read(process.stdout.fileno(), 1)) == 1
    assert len(process.stdout.read(wanted - 1)) == wanted - 1
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20) == (b"", b"")
    assert process.returncode == 130


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_what_ends_a_batch_ends_all_processes_and_leaves_nothing_half_written(tmp_path, half, number):
    for index in range(3):
        write(tmp_path / "in" / f"{index}.wav", np.zeros((16_000 * 1800, 1), np.int16))
    command = [*PYTHON, RUN, "enhance", tmp_path / "in", "-o", tmp_path / "out", "--model", half, "--jobs", "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "out").glob(".*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert list((tmp_path / "out").glob(".*"))
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does
    else:
        process.kill()  # it alone, as the kernel does for want of memory
    told = process.communicate(timeout=60)[1]  # until the last of them has closed its end
    if number == signal.SIGINT:
        assert (process.returncode, told) == (130, b"")
    assert files_below(tmp_path / "out") == []
    shutil.rmtree(tmp_path / "in")


def test_reader_that_goes_away_is_no_error(half):
    process = subprocess.Popen(
        [*PYTHON, RUN, "enhance", "-", "--model", half],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    process.stdout.close()
    try:
        process.stdin.write(bytes(1_000_000))
        process.stdin.close()
    except BrokenPipeError:
        pass
    assert process.stderr.read() == b""
    assert process.wait(timeout=20) == 1
