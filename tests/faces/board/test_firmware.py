"""The firmware of apps/stm32, built for the chip, and played by QEMU with the sound of `Stream`, bit for bit."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.needs import need

import undin

ROOT = Path(__file__).resolve().parents[3]
APP = ROOT / "apps" / "stm32"
UNDIN = Path(sys.executable).with_name("undin")
CALIBRATION = ROOT / "examples"
BLOCK, BLOCKS = 256, 90
PRESSES = "40/60"
"""Blocks in which the button is pressed: bypass, and back."""

pytestmark = pytest.mark.needs("arm-none-eabi-gcc", "ziglang")


def make(folder: Path, *words: str) -> subprocess.CompletedProcess:
    """Call make in the app's folder; what it builds goes elsewhere."""
    command = ["make", "-s", "-C", APP, f"BUILD={folder}", f"UNDIN={UNDIN}", f"PYTHON={sys.executable}", *words]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """What builds the firmware of a board with a model; libraries are built once."""
    places = {}

    def build(board: str, model: str = "undin-nano") -> Path:
        folder = places.setdefault(model, tmp_path_factory.mktemp(model))
        done = make(folder, f"MODEL={model}", f"{folder}/undin-{board}.elf")
        assert done.returncode == 0, done.stderr
        return folder / f"undin-{board}.elf"

    return build


@pytest.fixture(scope="module")
def run_qemu():
    """The module that brings sound through a firmware."""
    need("qemu-system-arm")
    spec = importlib.util.spec_from_file_location("run_qemu", APP / "run_qemu.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pcm(noisy_speech) -> np.ndarray:
    """Whole blocks of 16 bits."""
    return np.rint(noisy_speech[16_000 : 16_000 + BLOCK * BLOCKS] * 32768).astype(np.int16)


@pytest.fixture(scope="module")
def streamed(pcm, tmp_path_factory):
    """What `Stream` makes of the samples with a model in integers, as the firmware does, button and all."""
    known = {}

    def stream(model: str) -> np.ndarray:
        if model not in known:
            folder = tmp_path_factory.mktemp("native")
            subprocess.run(
                [UNDIN, "compile", model, "--int8", CALIBRATION, "-o", folder], check=True, capture_output=True
            )
            known[model] = enhanced(folder / f"lib{model.replace('-', '_')}.so")
        return known[model]

    def enhanced(library: Path) -> np.ndarray:
        presses, output = map(int, PRESSES.split("/")), []
        pressed = set(presses)
        with undin.Stream(16_000, model=library) as opened:
            for number, block in enumerate(pcm.reshape(-1, BLOCK), start=1):
                opened.bypass ^= number in pressed
                output.append(opened.process(block.astype(np.float32) / 32768))
        return np.clip(np.rint(np.concatenate(output) * 32768), -32768, 32767).astype(np.int16)

    return stream


@pytest.mark.parametrize(
    ("board", "model"),
    [("an500", "undin-nano"), ("an500", "undin-tiny"), ("an386", "undin-nano"), ("an547", "undin-nano")],
)
def test_sounds_as_stream(built, run_qemu, pcm, streamed, capfd, record_property, board, model):
    output = run_qemu.run(built(board, model), pcm, presses=PRESSES)
    np.testing.assert_array_equal(output, streamed(model))
    printed = capfd.readouterr().err
    lines = re.findall(r"load ([\d.]+) to ([\d.]+) %.* missed (\d+), stack (\d+) of 12288 bytes(, bypass)?", printed)
    assert len(lines) == 2
    for least, most, missed, stack, bypass in lines:
        assert 3 < float(least) < float(most) < 100
        assert float(most) == pytest.approx(1.5 * float(least), abs=0.2)
        assert missed == "0"
        assert 1000 < int(stack) < 12288 - 2048
        assert not bypass
    record_property(f"{board}, {model}", printed.strip().splitlines()[-1])


def test_bypass_is_said_and_lets_the_sound_through(built, run_qemu, pcm, capfd):
    output = run_qemu.run(built("an500"), pcm, presses="1")
    assert "bypass" in capfd.readouterr().err
    np.testing.assert_array_equal(output[3 * BLOCK :], pcm[3 * BLOCK - 511 : -511])


def test_a_file_comes_out_in_time_with_the_one_that_goes_in(built, run_qemu, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(sys, "argv", ["run_qemu.py", str(built("an500")), str(CALIBRATION / "noisy.wav"), "out.wav"])
    monkeypatch.chdir(tmp_path)
    assert run_qemu.main() == 0
    import soundfile

    before, after = soundfile.read(CALIBRATION / "noisy.wav")[0], soundfile.read("out.wav")[0]
    assert len(after) == len(before)
    shifted = [np.dot(before[1000:-1000], after[1000 + lag : len(after) - 1000 + lag]) for lag in range(-64, 65)]
    assert np.argmax(shifted) == 64


def test_a_stack_that_overflows_is_told_of(tmp_path, built):
    shutil.copytree(built("an500").parent, tmp_path, dirs_exist_ok=True)
    done = make(tmp_path, "STACK=2048", f"OUT={tmp_path}/out.wav", "run-qemu")
    assert done.returncode
    assert "the stack has overflowed" in done.stderr
    assert not (tmp_path / "out.wav").exists()


def test_a_fault_tells_where(tmp_path, run_qemu, capfd):
    (tmp_path / "main.c").write_text("""\
        #include "board.h"
        __attribute__((noinline)) int divide(volatile int *by) { return 1000 / *by; }
        int main(void) { volatile int zero = 0; board_start(); return divide(&zero); }
    """)
    qemu, elf = APP / "boards" / "qemu", tmp_path / "undin-an500.elf"
    flags = [f"@{qemu}/an500.flags", "-O2", f"-I{APP}", f"-L{APP}", "-nostartfiles", "--specs=nano.specs"]
    sources = [tmp_path / "main.c", APP / "start.c", APP / "say.c", qemu / "board.c"]
    script = ["-Wl,--defsym=STACK_BYTES=2048", "-T", qemu / "an500.ld"]
    subprocess.run(["arm-none-eabi-gcc", *flags, *sources, *script, "-o", elf], check=True)
    with pytest.raises(subprocess.CalledProcessError):
        run_qemu.run(elf, np.zeros(BLOCK, np.int16))
    printed = capfd.readouterr().err
    place = re.search(r"usage fault at (0x\w+), called from", printed)
    assert place, printed
    named = subprocess.check_output(["arm-none-eabi-addr2line", "-f", "-e", elf, place[1]], text=True)
    assert named.splitlines()[0] == "divide"


@pytest.mark.parametrize("model", ["undin-nano", "undin-tiny"])
def test_fits_the_chip(built, record_property, model):
    """The linker fails where anything does not fit; here what it has put where."""
    elf = built("f746", model)
    memory = elf.with_suffix(".memory").read_text()
    used = {name: int(size) for name, size in re.findall(r"(\w+): +(\d+) B", memory)}
    assert used["FLASH"] < 192 << 10
    assert used["TCM"] <= (64 if model == "undin-nano" else 72) << 10
    assert used["RAM"] < 16 << 10
    record_property(f"f746, {model}", ", ".join(f"{name} {size:,} bytes" for name, size in used.items()))
    sections = subprocess.check_output(["arm-none-eabi-objdump", "-h", elf], text=True)
    assert re.search(r"\.text +\w+ +00200000 +08000000", sections)

    symbols = subprocess.check_output(["arm-none-eabi-nm", elf], text=True)
    names = {line.split()[-1] for line in symbols.splitlines()}
    assert not {name for name in names if re.match("__aeabi_d|_sbrk|_?malloc|printf", name)}
    vectors = np.frombuffer(section(elf, ".text"), "<u4")[: 16 + 98]
    place = {line.split()[-1]: int(line.split()[0], 16) for line in symbols.splitlines() if len(line.split()) == 3}
    assert vectors[0] == place["exception_stack_end"]
    assert max(place["in"], place["out"]) < 0x20010000  # DMA's, which the cache must not hold
    assert vectors[1] == place["reset"] + 1
    assert vectors[16 + 70] == place["block_is_complete"] + 1
    assert elf.with_suffix(".map").stat().st_size > 10_000


def section(elf: Path, name: str) -> bytes:
    """The bytes of a section."""
    place = elf.with_suffix(".bytes")
    subprocess.run(["arm-none-eabi-objcopy", "-O", "binary", "--only-section", name, elf, place], check=True)
    return place.read_bytes()


def test_a_model_that_is_too_large_fails_the_build(tmp_path):
    done = make(tmp_path, "MODEL=undin-base", f"{tmp_path}/undin-f746.elf")
    assert done.returncode
    assert "region `TCM' overflowed" in done.stderr
    assert not (tmp_path / "undin-f746.elf").exists()


@pytest.mark.needs("cmake")
def test_cmake_builds_the_same(built, tmp_path):
    configure = ["cmake", "-S", APP, "-B", tmp_path, f"-DUNDIN={UNDIN}", "-DBOARDS=f746"]
    for command in (configure, ["cmake", "--build", tmp_path]):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    ours = built("f746")
    for name in (".text", ".rodata"):
        assert len(section(tmp_path / "undin-f746.elf", name)) == len(section(ours, name))
