"""What `undin compile --package` writes, built as CMake and as the Arduino builder do, and heard."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from support.emulators import Blocks, run_on_board

import undin
from undin.cli import main

ROOT = Path(__file__).resolve().parents[3]
NAME = "undin-nano"
BLOCKS = Blocks(16_000, channels=1, block=160)
CORTEX_M7 = ["-mcpu=cortex-m7", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"]


@pytest.fixture(scope="module")
def component(tmp_path_factory):
    """What writes a component of one kind, a model in integers."""
    known = {}

    def write(kind: str) -> Path:
        if kind not in known:
            known[kind] = tmp_path_factory.mktemp(kind) / NAME
            words = ["--target", "cortex-m7", "--int8", str(ROOT / "examples"), "--package", kind]
            assert main(["compile", NAME, *words, "-o", str(known[kind])]) == 0
        return known[kind]

    return write


@pytest.fixture(scope="module")
def samples(noisy_speech) -> np.ndarray:
    return noisy_speech[16_000 : 16_000 + 50 * BLOCKS.block]


@pytest.fixture(scope="module")
def expected(samples, tmp_path_factory) -> np.ndarray:
    """What `Stream` makes of them, and of the silence behind."""
    folder = tmp_path_factory.mktemp("native")
    assert main(["compile", NAME, "--int8", str(ROOT / "examples"), "-o", str(folder)]) == 0
    with undin.Stream(BLOCKS.sample_rate, model=folder / "libundin_nano.so") as stream:
        return np.concatenate([stream.process(samples), stream.flush()])


PROGRAM = """\
cmake_minimum_required(VERSION 3.16)
project(program C)
add_subdirectory(component)
add_executable(program program.c component/example/example.c)
target_link_libraries(program PRIVATE undin_nano)
"""
HEARD = """\
#include <stdio.h>
#include "undin_nano.h"
int denoise_begin(void);
void denoise(float *samples, size_t count);
int main(void) {
    float block[160];
    if (denoise_begin()) return 1;
    while (fread(block, sizeof block, 1, stdin) == 1) {
        denoise(block, 160);
        fwrite(block, sizeof block, 1, stdout);
    }
    return 0;
}
"""


@pytest.mark.needs("cmake", "gcc")
def test_cmake_builds_it_here_with_the_same_bits(component, samples, expected, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text(PROGRAM)
    (tmp_path / "program.c").write_text(HEARD)
    (tmp_path / "component").symlink_to(component("cmake"))
    for command in (["cmake", "-S", tmp_path, "-B", tmp_path / "build"], ["cmake", "--build", tmp_path / "build"]):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    output = subprocess.check_output([tmp_path / "build" / "program"], input=samples.tobytes())
    np.testing.assert_array_equal(np.frombuffer(output, np.float32), expected[: len(samples)])


@pytest.mark.needs("cmake", "arm-none-eabi-gcc")
def test_cmake_builds_it_for_a_chip(component, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text("""\
        cmake_minimum_required(VERSION 3.16)
        project(firmware C)
        add_subdirectory(component)
        add_library(firmware component/example/example.c)
        target_link_libraries(firmware PRIVATE undin_nano)
    """)
    (tmp_path / "component").symlink_to(component("cmake"))
    words = [
        "-DCMAKE_SYSTEM_NAME=Generic",
        "-DCMAKE_C_COMPILER=arm-none-eabi-gcc",
        f"-DCMAKE_C_FLAGS={' '.join(CORTEX_M7)}",
    ]
    configure = [
        "cmake",
        "-S",
        tmp_path,
        "-B",
        tmp_path / "build",
        *words,
        "-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY",
    ]
    for command in (configure, ["cmake", "--build", tmp_path / "build"]):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "warning" not in done.stderr
    readme = (component("cmake") / "README.md").read_text()
    assert "**untested**" in readme
    assert "add_subdirectory(undin-nano)" in readme


class TestArduino:
    """As the builder of Arduino compiles libraries: every file of `src` alone, for size, with its own options."""

    def test_manifest(self, component):
        folder = component("arduino")
        text = (folder / "library.properties").read_text()
        found = dict(line.split("=", 1) for line in text.splitlines())
        wanted = {
            "name",
            "version",
            "author",
            "maintainer",
            "sentence",
            "paragraph",
            "category",
            "url",
            "architectures",
        }
        assert wanted <= set(found)
        assert [key for key, value in found.items() if not value] == ["url"]  # undin has no page of its own yet
        assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_ .-]{0,62}", found["name"])
        assert re.fullmatch(r"\d+\.\d+\.\d+", found["version"])
        assert not found["sentence"].startswith(("Arduino", "This library"))
        assert found["category"] == "Data Processing"  # one of the nine that Arduino's specification has
        assert (folder / "src" / found["includes"]).is_file()
        assert [path.stem for path in (folder / "examples").glob("*/*.ino")] == ["Denoise"]
        assert "@" not in "".join(path.read_text() for path in (folder / "examples").rglob("*.ino"))

    @pytest.mark.needs("arm-none-eabi-gcc", "qemu-system-arm")
    def test_same_bits(self, component, samples, expected, tmp_path):
        for path in (component("arduino") / "src").iterdir():
            (tmp_path / path.name).write_text(path.read_text())
        options = ["-Os", "-w", "-std=gnu11", "-ffunction-sections", "-fdata-sections", "-nostdlib", "-DARDUINO=10819"]
        sources = sorted(tmp_path.glob("*.c"))
        for source in sources:
            command = ["arm-none-eabi-gcc", "-c", *CORTEX_M7, *options, f"-I{tmp_path}", source]
            subprocess.run([*command, "-o", source.with_suffix(".o")], check=True)
        objects = [source.with_suffix(".o") for source in sources]
        subprocess.run(["arm-none-eabi-ar", "rcs", tmp_path / "libundin_nano.a", *objects], check=True)
        output, _ = run_on_board(
            *(tmp_path / "libundin_nano.a", "cortex-m7", "arm-none-eabi-gcc", samples),
            blocks=BLOCKS,
            may_be_unaligned=True,
        )
        np.testing.assert_array_equal(output, expected)

    @pytest.mark.needs("g++")
    def test_sketch(self, component, tmp_path):
        """What the sketch calls of Arduino is there as Arduino's reference declares it."""
        folder = component("arduino")
        (tmp_path / "Arduino.h").write_text("""\
            #include <stddef.h>
            long random(long low, long high);
            unsigned long micros();
            struct Port {
                void begin(unsigned long baud);
                size_t print(const char *), print(unsigned long), println(const char *), println(double);
            };
            extern Port Serial;
            void setup();
            void loop();
        """)
        sketch = folder / "examples" / "Denoise" / "Denoise.ino"
        command = ["g++", "-std=gnu++11", "-fsyntax-only", "-Wall", "-Werror", "-x", "c++", f"-I{tmp_path}"]
        subprocess.run([*command, f"-I{folder / 'src'}", "-include", "Arduino.h", sketch], check=True)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--package", "cmake", "--target", "riscv32", "--prefix", "x"], "--package writes a folder: say which"),
        (["--package", "cmake", "-o", "x"], "--package is for microcontrollers: give one of them with --target"),
    ],
)
def test_refusals(words, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["compile", NAME, *words]) == 1
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
