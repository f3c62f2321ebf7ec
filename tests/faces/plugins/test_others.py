"""Plug-ins for other computers, linked by zig, held to the rules of a release.

Those for Windows run under Wine, that of LADSPA for ARM under QEMU, and give what `Stream` gives here.
"""

import os
import plistlib
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from faces.plugins.conftest import APP, FOR_OTHERS, HERE, OTHERS, RATE
from support.needs import need
from support.once import run_once

from undin.compiler.toolchain.compilers import find_compiler
from undin.compiler.toolchain.targets import COMPUTERS

pytest.importorskip("lief", reason="what builds releases is not installed")
from release import rules

pytestmark = pytest.mark.release
WINE = "/usr/lib/wine/wine64"
SUPPORT = HERE.parents[1] / "support"
DPF_HEADERS = "/usr/share/dpf/distrho/src"
ROUNDING = 1e-5
"""By how much samples may differ from those of another compiler's library."""


@pytest.fixture(scope="module", params=OTHERS)
def target(request) -> str:
    """A platform that is not this machine's."""
    return request.param


@pytest.fixture(scope="module")
def place(target, tmp_path_factory) -> Path:
    """The folder of what was built for it; what is up to date stays."""
    need(*FOR_OTHERS)
    run_once(tmp_path_factory, "apps/plugins/build.py", target)
    return APP / "build" / target


def test_every_format_is_there_and_keeps_the_rules_of_a_release(place, target):
    """The right processor, its entry and nothing else to be seen, and nothing asked for that a system may lack."""
    found = {path.relative_to(place).as_posix(): path.read_bytes() for path in place.rglob("*") if path.is_file()}
    plugins = {name: data for name, data in found.items() if rules.is_plugin(name)}
    assert [(name, fault) for name, data in plugins.items() for fault in rules.of_plugin(name, data, target)] == []
    windows = [] if "macos" in target else ["mono", "stereo"]
    assert sum(name.startswith("clap/") for name in plugins) == sum(name.startswith("vst3/") for name in plugins) == 2
    assert sum(name.startswith("undin_ladspa.") for name in plugins) == 1
    bundle = {name.split("/")[-1] for name in plugins if name.startswith("lv2/undin.lv2/")}
    assert bundle == set(re.findall(r"binary <(.+?)>", found["lv2/undin.lv2/manifest.ttl"].decode()))
    assert len(bundle) == 1 + len(windows)


@pytest.mark.parametrize("target", ["macos-aarch64", "macos-x86_64"], indirect=True)
def test_bundles_of_a_mac_name_their_programs(place):
    bundles = [path.parent for path in place.rglob("Info.plist")]
    assert len(bundles) == 4
    for bundle in bundles:
        told = plistlib.loads((bundle / "Info.plist").read_bytes())
        assert (bundle / "MacOS" / told["CFBundleExecutable"]).is_file()
        assert (bundle / "PkgInfo").read_text() == told["CFBundlePackageType"] + "????"


@pytest.fixture
def host(tmp_path):
    """A function that compiles one of the hosts here for a target, by zig."""

    def compile_host(source: str, target: str, triple: str) -> Path:
        program = tmp_path / (Path(source).stem + (".exe" if "windows" in triple else ""))
        (tmp_path / "headers").mkdir()
        (tmp_path / "headers" / "ladspa.h").symlink_to("/usr/include/ladspa.h")
        includes = [f"-I{folder}" for folder in (SUPPORT, tmp_path / "headers", DPF_HEADERS)]
        command = [*find_compiler(COMPUTERS[target], name="zig").command, "-target", triple, "-O1", *includes]
        subprocess.run([*command, HERE / source, "-o", program], check=True)
        return program

    return compile_host


@pytest.fixture(scope="module")
def wine(tmp_path_factory) -> dict[str, str]:
    """Variables for Wine with a folder of its own, and without a screen."""
    settings = {
        "WINEPREFIX": str(tmp_path_factory.mktemp("wine") / "drive"),
        "WINEDEBUG": "-all",
        "WINEDLLOVERRIDES": "mscoree,mshtml=",
    }
    return {name: value for name, value in os.environ.items() if name != "DISPLAY"} | settings


def run(command: list, samples: np.ndarray, known: dict[str, str] | None = None) -> tuple[np.ndarray, str]:
    """What a host makes of samples (n, channels), and what it tells."""
    done = subprocess.run(list(map(str, command)), input=samples.T.tobytes(), capture_output=True, env=known)
    assert done.returncode == 0, done.stderr
    return np.frombuffer(done.stdout, np.float32).reshape(samples.shape[::-1]).T, done.stderr.decode()


def check(output: np.ndarray, told: str, sound, **settings) -> None:
    """Hold output to that of a stream here, late as the plug-in says."""
    expected, latency = sound.enhanced(**settings)
    assert f"latency={latency}" in told.split()
    np.testing.assert_allclose(output, expected[: len(output)], atol=ROUNDING)


@pytest.mark.needs("qemu-aarch64")
@pytest.mark.parametrize("target", ["linux-aarch64"], indirect=True)
def test_ladspa_on_arm(place, host, sound):
    program = host("ladspa_host.c", "linux-aarch64", "aarch64-linux-gnu.2.31")
    command = ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", program, place / "undin_ladspa.so", "stereo", RATE, 12]
    check(*run(command, sound.samples), sound, atten_lim_db=12.0)


@pytest.mark.needs("wine", "x86-64")
@pytest.mark.parametrize("target", ["windows-x86_64"], indirect=True)
def test_ladspa_on_windows(place, host, sound, wine):
    program = host("ladspa_host.c", "windows-x86_64", "x86_64-windows-gnu")
    command = [WINE, program, place / "undin_ladspa.dll", "stereo", RATE, 12]
    check(*run(command, sound.samples, wine), sound, atten_lim_db=12.0)


@pytest.mark.needs("wine", "x86-64")
@pytest.mark.parametrize("target", ["windows-x86_64"], indirect=True)
def test_clap_on_windows(place, host, sound, wine):
    program = host("clap_host.c", "windows-x86_64", "x86_64-windows-gnu")
    command = [WINE, program, place / "clap" / "undin.clap", RATE, 2, 480, "Limit=12", "Model=3"]
    check(*run(command, sound.samples, wine), sound, atten_lim_db=12.0, model="undin-nano")
