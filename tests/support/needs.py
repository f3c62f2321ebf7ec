"""What tests need that not every machine has: how it is found, how it is had, and the group of tests it makes.

A test says what it needs, ``@pytest.mark.needs("gcc", "nm")``, and is skipped with the cure where that is missing. What
turns out only while a test runs, a helper asks for by `need`.
"""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from ctypes.util import find_library
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from undin.compiler.toolchain.cache import instructions

SHARED_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
ALSA_TO_PULSE = f"/usr/lib/{platform.machine()}-linux-gnu/alsa-lib/libasound_module_pcm_pulse.so"
LADSPA = Path(__file__).resolve().parents[2] / f"apps/plugins/build/linux-{platform.machine()}/undin_ladspa.so"
SANITIZERS = ("libasan.so", "libubsan.so")


@dataclass(frozen=True)
class Need:
    """Something that not every machine has.

    Parameters
    ----------
    is_there : callable
        Whether this machine has it.
    cure : str
        What brings it, said where a test is skipped.
    groups : tuple of str
        Marks of pyproject.toml that a test gets by needing it.
    """

    is_there: Callable[[], bool]
    cure: str
    groups: tuple[str, ...] = ()


def sanitizer(name: str) -> str:
    """The path of a sanitizer's library beside gcc, or '' where it is missing."""
    gcc = shutil.which("gcc")
    path = subprocess.check_output([gcc, f"-print-file-name={name}"], text=True).strip() if gcc else ""
    return path if os.path.isabs(path) else ""


def _succeeds(*command: str) -> bool:
    return bool(shutil.which(command[0])) and subprocess.run(command, capture_output=True).returncode == 0


def _debian(package: str, *programs: str, groups: tuple[str, ...] = ()) -> Need:
    """Programs or files of packages of Debian."""
    return Need(lambda: all(shutil.which(one) or Path(one).exists() for one in programs), package, groups)


def _other_linux(emulator: str, architecture: str, loader: str) -> Need:
    """An emulator of a process of another architecture, as Debian calls that, and its dynamic linker."""
    return _debian(f"qemu-user and libc6-{architecture}-cross", emulator, f"/usr/{loader}", groups=("faces",))


def _instructions(*names: str) -> Need:
    return Need(lambda: set(names) <= instructions(), f"a processor that has {' and '.join(names)}")


def _modules(*names: str, extra: str) -> Need:
    """Packages of Python, and the extra of undin that brings them."""
    cure = f'pip install "undin[{extra}]"' if extra else f"pip install {' '.join(names)}"
    return Need(lambda: all(find_spec(name) for name in names), cure, groups=("faces",))


FACES, BOARD = ("faces",), ("faces", "board")
GST = "import gi; gi.require_version('Gst', '1.0')"
WEBKIT = "import gi; gi.require_version('WebKit2', '4.1')"

NEEDS = {
    "shared": Need(SHARED_DATA.is_dir, f"audio in {SHARED_DATA}"),
    "linux": Need(lambda: sys.platform == "linux", "Linux"),
    "x86-64": Need(lambda: platform.machine() in ("x86_64", "AMD64"), "an x86-64"),
    "avx2": _instructions("avx2", "fma"),
    "avx512": _instructions("avx512f", "avx512bw", "avx512dq", "avx512vl"),
    "avx512vnni": _instructions("avx512vnni"),
    "own network": Need(
        lambda: _succeeds("unshare", "--map-root-user", "--net", "true"), "the right to call unshare --net"
    ),
    "network namespaces": Need(
        lambda: _succeeds("ip", "netns", "list") and os.geteuid() == 0 and _succeeds("unshare", "--net", "true"),
        "iproute2, and to be root with the right to make network namespaces",
        ("faces",),
    ),
    "ziglang": Need(lambda: find_spec("ziglang") is not None, "pip install ziglang"),
    "av": Need(lambda: find_spec("av") is not None, "pip install av"),
    "server": _modules("uvicorn", "starlette", "websockets", "prometheus_client", "httpx", extra="serve"),
    "ray": _modules("ray", "pyarrow", extra="batch"),
    "s3": _modules("s3fs", "moto", "flask", extra=""),
    "livekit": _modules("livekit", extra="livekit"),
    "pipecat": _modules("pipecat", extra="pipecat"),
    "aiortc": _modules("aiortc", extra=""),
    "site": _modules("sphinx", "furo", "myst_nb", "numpydoc", extra="docs"),
    "pesq": Need(lambda: find_spec("pesq") is not None, "build-essential and python3-dev, then pip install pesq"),
    "litert-torch": Need(
        lambda: find_spec("litert_torch") is not None, 'pip install "undin[tflite]", as docs/tflite.md tells', FACES
    ),
    "tflite-micro": Need(
        lambda: find_spec("tflite_micro") is not None, "pip install tflite-micro, which has wheels for Linux", FACES
    ),
    "sanitizers": Need(lambda: all(map(sanitizer, SANITIZERS)), "build-essential", ("sanitized",)),
    "flock": _debian("util-linux", "flock", "bash"),
    "cc": _debian("build-essential", "cc"),
    "gcc": _debian("build-essential", "gcc"),
    "g++": _debian("build-essential", "g++"),
    "nm": _debian("binutils", "nm"),
    "readelf": _debian("binutils", "readelf"),
    "openssl": _debian("openssl", "openssl"),
    "cmake": _debian("cmake", "cmake"),
    "pkg-config": _debian("pkg-config", "pkg-config"),
    "qemu-aarch64": _other_linux("qemu-aarch64", "arm64", "aarch64-linux-gnu/lib/ld-linux-aarch64.so.1"),
    "qemu-arm": _other_linux("qemu-arm", "armhf", "arm-linux-gnueabihf/lib/ld-linux-armhf.so.3"),
    "qemu-armel": _other_linux("qemu-arm", "armel", "arm-linux-gnueabi/lib/ld-linux.so.3"),
    "qemu-riscv64": _other_linux("qemu-riscv64", "riscv64", "riscv64-linux-gnu/lib/ld-linux-riscv64-lp64d.so.1"),
    "riscv64-unknown-elf-gcc": _debian("gcc-riscv64-unknown-elf", "riscv64-unknown-elf-gcc"),
    "arm-none-eabi-gcc": _debian(
        "gcc-arm-none-eabi and libnewlib-arm-none-eabi",
        *("arm-none-eabi-gcc", "/usr/lib/arm-none-eabi/include/newlib.h"),
    ),
    "qemu-system-arm": _debian("qemu-system-arm", "qemu-system-arm", groups=BOARD),
    "qemu-system-riscv32": _debian("qemu-system-misc", "qemu-system-riscv32", groups=BOARD),
    "llvm-objdump": _debian("llvm", "llvm-objdump", "llvm-nm", groups=FACES),
    "jdk": _debian("openjdk-17-jdk-headless", "javac", groups=FACES),
    "android": _debian(
        "aapt, zipalign, apksigner, dexdump and android-framework-res",
        *("aapt", "aapt2", "zipalign", "apksigner", "dexdump", "/usr/share/android-framework-res/framework-res.apk"),
        groups=FACES,
    ),
    "node": _debian("nodejs", "node", groups=FACES),
    "npm": _debian("npm", "npm", groups=FACES),
    "chromium": _debian("chromium", "chromium", groups=FACES),
    "pulseaudio": _debian("pulseaudio and pulseaudio-utils", "pulseaudio", "pactl", "parec", groups=FACES),
    "pipewire": _debian(
        "pipewire, wireplumber, pipewire-pulse, dbus and pulseaudio-utils",
        *("pipewire", "wireplumber", "pipewire-pulse", "pw-cli", "pw-record", "dbus-daemon", "pactl", "parec"),
        groups=FACES,
    ),
    "plug-in of LADSPA": Need(lambda: LADSPA.exists(), "ladspa-sdk, then make plugins", FACES),
    "portaudio": Need(
        lambda: bool(find_library("portaudio") and find_spec("sounddevice") and Path(ALSA_TO_PULSE).exists()),
        'libportaudio2 and libasound2-plugins, then pip install "undin[live]"',
        FACES,
    ),
    "release": _modules("build", "twine", "lief", extra="release"),
    "auditwheel": _modules("auditwheel", extra="release"),
    "zizmor": Need(Path(sys.executable).with_name("zizmor").exists, 'pip install "undin[release]"', FACES),
    "ladspa": _debian("ladspa-sdk", "/usr/include/ladspa.h", groups=FACES),
    "mmdebstrap": _debian("qemu-user and mmdebstrap", "qemu-aarch64", "mmdebstrap", groups=FACES),
    "musl": _debian("musl", "/lib/ld-musl-x86_64.so.1", groups=FACES),
    "wine": _debian("wine64", "/usr/lib/wine/wine64", groups=FACES),
    "buildah": _debian("buildah and mmdebstrap", "buildah", "mmdebstrap", groups=FACES),
    "firefox": _debian("firefox-esr and pulseaudio", "firefox-esr", "pulseaudio", groups=FACES),
    # Hosts of plug-ins, and what plug-ins are built with.
    "ladspa-sdk": _debian("ladspa-sdk", "applyplugin", "/usr/include/ladspa.h", groups=FACES),
    "lv2": _debian("lv2-dev, lilv-utils and sordi", "lv2apply", "lv2_validate", "sord_validate", groups=FACES),
    "lv2proc": _debian("lv2proc", "lv2proc", groups=FACES),
    "dpf": _debian("dpf-source, libgl-dev and libx11-dev", "/usr/share/dpf", "/usr/include/GL/gl.h", groups=FACES),
    "sox": _debian("sox", "sox", groups=FACES),
    "ffmpeg": _debian("ffmpeg", "ffmpeg", groups=FACES),
    "gstreamer": Need(
        lambda: _succeeds("pkg-config", "gstreamer-audio-1.0") and _succeeds("/usr/bin/python3", "-c", GST),
        "gstreamer1.0-tools, gstreamer1.0-plugins-good and -bad, libgstreamer-plugins-base1.0-dev, python3-gst-1.0",
        FACES,
    ),
    "obs": Need(
        lambda: bool(shutil.which("xvfb-run")) and _succeeds("pkg-config", "libobs"),
        "libobs-dev, xvfb and xauth",
        FACES,
    ),
    "jalv": _debian(
        *("jalv, jackd2, xdotool, x11-apps, xvfb and xauth", "jalv.gtk3", "jackd", "xdotool", "xwd", "xvfb-run"),
        groups=FACES,
    ),
    "pedalboard": _modules("pedalboard", extra=""),
    "minihost": _modules("minihost", extra=""),
    "webkit": Need(
        lambda: bool(shutil.which("xvfb-run")) and _succeeds("/usr/bin/python3", "-c", WEBKIT),
        "xvfb, xauth, gir1.2-webkit2-4.1 and python3-gi",
        FACES,
    ),
}
"""By the name that a test gives."""


@cache
def reason_to_skip(name: str) -> str | None:
    """Why a test that needs this cannot run here; None if it can."""
    return None if NEEDS[name].is_there() else f"{name} is missing here: it takes {NEEDS[name].cure}"


def need(*names: str) -> None:
    """Skip the test that runs, unless all of these are there."""
    for name in names:
        if reason := reason_to_skip(name):
            pytest.skip(reason)
