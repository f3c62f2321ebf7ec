"""Wheels where they are for: each Python that is here, another processor, another C library, another system."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from faces.wheels.conftest import NOISY

pytestmark = pytest.mark.release
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
WINE = "/usr/lib/wine/wine64"
ROUNDING = 1e-4
"""By how much samples may differ from those of another compiler's library."""

SAY = "import undin; print(*sorted({type(undin.load(name).engine).__name__ for name in undin.models()}))"


def python(version: str) -> str:
    """A Python of a version that is installed, whoever installed it; a word to skip by, if there is none."""
    kept = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    places = [shutil.which(f"python{version}"), *sorted(kept.glob(f"{version}.*/bin/python3"))]
    for place in filter(None, places):
        if subprocess.run([place, "-c", "import ensurepip"], capture_output=True).returncode == 0:
            return str(place)
    pytest.skip(f"there is no Python {version} here")


def clean() -> dict[str, str]:
    """Variables without what would show the source."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


@pytest.mark.needs("linux", "x86-64")
@pytest.mark.parametrize("version", PYTHONS)
def test_every_python_enhances_with_the_wheel_alone(wheels, tmp_path, enhanced_here, version):
    subprocess.run([python(version), "-m", "venv", tmp_path / "env"], check=True)
    own = tmp_path / "env" / "bin"
    subprocess.run([*PIP, "--python", own / "python", "install", wheels["linux-x86_64"]], check=True, env=clean())
    settings = {"PATH": str(own), "HOME": str(tmp_path)}  # no compiler, no cache
    assert subprocess.check_output([own / "python", "-c", SAY], env=settings, text=True) == "NativeEngine\n"
    subprocess.run([own / "undin", "enhance", NOISY, "-o", tmp_path / "out.wav"], check=True, env=settings)
    assert not (tmp_path / ".cache").exists()
    np.testing.assert_allclose(soundfile.read(tmp_path / "out.wav")[0], enhanced_here, atol=ROUNDING)
    (package,) = own.parent.glob("lib/*/site-packages/undin")
    assert (package / "page" / "index.html").is_file() and (package / "plugins" / "undin_ladspa.so").is_file()


@pytest.fixture(scope="session")
def enhanced_here(tmp_path_factory) -> np.ndarray:
    """What this checkout makes of the example."""
    place = tmp_path_factory.mktemp("here") / "out.wav"
    subprocess.run([sys.executable, "-m", "undin", "enhance", NOISY, "-o", place], check=True)
    return soundfile.read(place)[0]


@pytest.mark.needs("linux", "x86-64")
def test_the_plugin_finds_models_and_stream_beside_it(unpacked):
    """In a process that has none of undin yet, as a host of LADSPA loads it."""
    plugin = unpacked("linux-x86_64") / "plugins" / "undin_ladspa.so"
    code = (
        "import ctypes, sys; plugin = ctypes.CDLL(sys.argv[1]); find = plugin.ladspa_descriptor;"
        "find.restype = ctypes.c_void_p; places = [find(0), find(1), find(2)];"
        "print([place and ctypes.cast(place + 8, ctypes.POINTER(ctypes.c_char_p))[0] for place in places])"
    )
    assert subprocess.check_output([sys.executable, "-c", code, plugin], text=True) == "[b'mono', b'stereo', None]\n"


@pytest.mark.needs("linux", "x86-64")
def test_libraries_choose_the_best_instructions(unpacked):
    """A wheel is as fast as what is compiled here: it has all variants, and takes the one of this processor."""
    import ctypes

    from undin.compiler.toolchain.cache import instructions

    def chosen(library: Path) -> str:
        function = ctypes.CDLL(str(library)).undin_tiny_variant
        function.restype = ctypes.c_char_p
        return function().decode()

    has = instructions()
    best = "avx512" if {"avx512f", "avx512vl"} <= has else "avx2" if {"avx2", "fma"} <= has else "baseline"
    assert chosen(unpacked("linux-x86_64") / "model" / "weights" / "libundin_tiny.so") == best


@pytest.mark.needs("mmdebstrap")
def test_arm_enhances_in_a_root_of_debian(wheels, tmp_path, enhanced_here):
    """A Python of Debian for arm64 and what pip chooses for it by tags, on a processor that QEMU plays."""
    root, site = tmp_path / "root", tmp_path / "site"
    chosen = ["--variant=extract", "--architectures=arm64", "--include=python3,libstdc++6"]
    subprocess.run(["mmdebstrap", "--quiet", *chosen, "bookworm", root], check=True)
    platforms = ["--platform=manylinux2014_aarch64", "--platform=manylinux_2_28_aarch64"]
    chosen = [*platforms, "--python-version=3.11", "--only-binary=:all:"]
    subprocess.run([*PIP, "install", "--target", site, *chosen, wheels["linux-aarch64"]], check=True, env=clean())
    emulated = ["qemu-aarch64", "-L", root, root / "usr" / "bin" / "python3.11"]
    settings = clean() | {"PYTHONPATH": str(site), "PYTHONHOME": str(root / "usr"), "HOME": str(tmp_path)}
    code = f"import platform; print(platform.machine()); {SAY}"
    told = subprocess.check_output([*emulated, "-c", code], env=settings)
    assert told == b"aarch64\nNativeEngine\n"
    subprocess.run([*emulated, "-m", "undin", "enhance", NOISY, "-o", tmp_path / "out.wav"], check=True, env=settings)
    np.testing.assert_allclose(soundfile.read(tmp_path / "out.wav")[0], enhanced_here, atol=ROUNDING)


@pytest.mark.needs("musl", "x86-64")
def test_musl_loads_what_glibc_does(wheels, enhance, enhanced, tmp_path):
    np.testing.assert_allclose(enhance("linux-x86_64", "x86_64-linux-musl"), enhanced, atol=ROUNDING)
    chosen = ["--platform=musllinux_1_1_x86_64", "--python-version=3.12", "--only-binary=:all:", "--no-deps"]
    subprocess.run([*PIP, "install", "--target", tmp_path / "site", *chosen, wheels["linux-x86_64"]], check=True)
    assert (tmp_path / "site" / "undin").is_dir()


@pytest.mark.needs("wine", "x86-64")
def test_windows_loads_the_libraries(enhance, enhanced, tmp_path):
    settings = {"WINEPREFIX": str(tmp_path / "wine"), "WINEDEBUG": "-all", "WINEDLLOVERRIDES": "mscoree,mshtml="}
    np.testing.assert_allclose(
        enhance("windows-x86_64", "x86_64-windows-gnu", WINE, **settings), enhanced, atol=ROUNDING
    )


def test_the_source_distribution_says_what_it_lacks_where_nothing_compiles(release, tmp_path):
    """A wheel it is all the same, whose models can be had by a compiler or by ONNX Runtime."""
    (sdist,) = release.glob("undin-[0-9]*.tar.gz")
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "sitecustomize.py").write_text("import sys\nsys.modules['ziglang'] = None  # none to be found\n")
    nowhere = clean() | {"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": str(blocked)}
    build = [*PIP, "wheel", "-vv", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, sdist]
    told = subprocess.run(build, env=nowhere, check=True, capture_output=True, text=True)
    assert re.search(r"the models of undin are not compiled: .* there is no C compiler", told.stdout + told.stderr)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    subprocess.run([*PIP, "install", "--no-deps", "--target", site, wheel], check=True, env=clean())
    assert (site / "undin" / "page" / "index.html").is_file()
    code = f"import sys; sys.path.insert(0, {str(site)!r}); import undin; undin.load('undin-tiny', engine='compiled')"
    bare = subprocess.run([sys.executable, "-c", code], env=nowhere, capture_output=True, text=True)
    assert re.search(r'there is no C compiler .*: pip install "undin\[compile\]"', bare.stderr.splitlines()[-1])
