"""What a release consists of, and that it is the same bytes when it is built again, elsewhere and from nothing."""

import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile

import pytest
from faces.wheels.conftest import ROOT, make

from undin import models
from undin.compiler.toolchain.targets import COMPUTERS
from undin.engines.native import stream_functions
from undin.model.loading import load
from undin.model.metadata import c_prefix

pytest.importorskip("lief", reason="what builds releases is not installed")
from release import rules

pytestmark = pytest.mark.release
VERSION = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.M)[1]
BESIDE = ("LICENCES.md", "SHA256SUMS", f"undin-{VERSION}.tar.gz", f"undin-npm-{VERSION}.tgz")


def test_a_release_is_these_files(release):
    wheels = {f"undin-{VERSION}-py3-none-{target.wheel}.whl" for target in COMPUTERS.values()}
    kits = {f"undin-c-{VERSION}-{name}.tar.gz" for name in COMPUTERS}
    plugins = {f"undin-plugins-{VERSION}-{name}.tar.gz" for name in COMPUTERS}
    found = {path.name for path in release.iterdir()}
    assert found - plugins == {*wheels, *kits, *BESIDE}  # plug-ins are packed where `make plugins` has built them


@pytest.mark.parametrize("target", COMPUTERS)
def test_a_wheel_holds_the_package_its_libraries_the_page_and_the_plugin(wheels, target):
    listed = subprocess.check_output(["git", "ls-files", "src/undin"], cwd=ROOT, text=True).split()
    library = COMPUTERS[target].library
    expected = {name.removeprefix("src/") for name in listed}
    expected |= {"undin/c/" + library.format("undin")}
    expected |= {f"undin/model/weights/{library.format(c_prefix(name))}" for name in models()}
    page = ROOT / "apps" / "page" / "dist"
    expected |= {f"undin/page/{path.relative_to(page).as_posix()}" for path in page.rglob("*") if path.is_file()}
    expected |= {"undin/plugins/undin_ladspa.so"} if target.startswith("linux") else set()
    about = "METADATA", "WHEEL", "RECORD", "entry_points.txt", "top_level.txt", "licenses/LICENSE"
    expected |= {f"undin-{VERSION}.dist-info/{name}" for name in about}
    with zipfile.ZipFile(wheels[target]) as wheel:
        assert set(wheel.namelist()) == expected


@pytest.mark.needs("auditwheel")
def test_auditwheel_finds_nothing_that_a_distribution_may_lack(wheels):
    for target in ("linux-x86_64", "linux-aarch64"):
        told = subprocess.check_output([sys.executable, "-m", "auditwheel", "show", wheels[target]], text=True)
        said = " ".join(told.split())
        assert "no external shared libraries" in said or "no system-provided shared libraries" in said, told


def test_rules_find_what_is_wrong(unpacked, tmp_path):
    arm = (unpacked("linux-aarch64") / "c" / "libundin.so").read_bytes()
    assert not list(rules.of_library(arm, "linux-aarch64"))
    assert list(rules.of_library(arm, "linux-x86_64")) == ["it is for ARCH.AARCH64"]
    (tmp_path / "needy.c").write_text("#include <stdio.h>\nvoid say(void) { puts(__func__); }\n")
    zig = [sys.executable, "-m", "ziglang", "cc", "-shared", "needy.c"]
    for triple, name, target, fault in (
        ("x86_64-linux-gnu.2.34", "needy.so", "linux-x86_64", "it needs libc.so.6"),
        ("aarch64-macos.13.0", "needy.dylib", "macos-aarch64", "it is not for macOS 11.0"),
    ):
        subprocess.run([*zig, "-target", triple, "-o", name], cwd=tmp_path, check=True)
        assert fault in list(rules.of_library((tmp_path / name).read_bytes(), target))


def test_checksums_hold(release):
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=release, check=True)
    assert len((release / "SHA256SUMS").read_text().splitlines()) == len(list(release.iterdir())) - 1


def test_all_versions_are_one(release, wheels):
    told = {"CITATION.cff": re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.M)[1]}
    with zipfile.ZipFile(wheels["macos-aarch64"]) as wheel:
        metadata = wheel.read(f"undin-{VERSION}.dist-info/METADATA").decode()
    told["wheel"] = re.search(r"^Version: (.+)$", metadata, re.M)[1]
    with tarfile.open(release / f"undin-npm-{VERSION}.tgz") as package:
        told["npm"] = json.load(package.extractfile("package/package.json"))["version"]
    with tarfile.open(release / f"undin-c-{VERSION}-linux-x86_64.tar.gz") as kit:
        name = f"undin-c-{VERSION}-linux-x86_64/lib/cmake/undin/undin-config-version.cmake"
        told["kit"] = re.search(r'PACKAGE_VERSION "(.+)"', kit.extractfile(name).read().decode())[1]
    assert set(told.values()) == {VERSION}, told


def test_licences_name_all_that_an_installation_brings(release):
    table = (release / "LICENCES.md").read_text(encoding="utf-8")
    for name in ("numpy", "soundfile", "starlette", "uvicorn", "MinGW-w64", "compiler-rt"):
        assert f"| {name}" in table
    assert re.search(r"^\| numpy \| BSD", table, re.M)


def test_a_platform_built_again_from_nothing_is_the_same_bytes(release, tmp_path):
    """In another folder, another time zone and another umask, with nothing compiled before."""
    again = make(tmp_path / "again", "linux-aarch64", XDG_CACHE_HOME=str(tmp_path / "cache"), TZ="Asia/Tokyo")
    names = sorted(path.name for path in again.iterdir() if path.name != "SHA256SUMS")
    assert len(names) >= 5
    assert [name for name in names if (again / name).read_bytes() != (release / name).read_bytes()] == []


@pytest.mark.needs("cmake", "pkg-config", "cc")
def test_a_program_in_c_finds_the_kit(release, tmp_path):
    """By CMake and by pkg-config."""
    with tarfile.open(release / f"undin-c-{VERSION}-linux-x86_64.tar.gz") as kit:
        kit.extractall(tmp_path, filter="data")
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "undin_tiny.h"\n'
        'int main(void) { printf("%zu", undin_stream_bytes(&undin_tiny, 48000, 2)); return 0; }\n'
    )
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\nproject(main C)\nfind_package(undin 0.1 REQUIRED)\n"
        "add_executable(main main.c)\ntarget_link_libraries(main PRIVATE undin::undin_tiny)\n"
    )
    (prefix,) = tmp_path.glob("undin-c-*")
    for step in (["-S", ".", "-B", "build", f"-DCMAKE_PREFIX_PATH={prefix}"], ["--build", "build"]):
        subprocess.run(["cmake", *step], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    known = os.environ | {"PKG_CONFIG_PATH": str(prefix / "lib" / "pkgconfig"), "LD_LIBRARY_PATH": str(prefix / "lib")}
    flags = subprocess.check_output(["pkg-config", "--cflags", "--libs", "undin_tiny"], env=known, text=True).split()
    subprocess.run(["cc", "main.c", *flags, "-o", "by_pkg_config"], cwd=tmp_path, check=True)
    expected = stream_functions().bytes(load("undin-tiny").engine.c_model, 48_000, 2)
    for program in ("build/main", "by_pkg_config"):
        assert int(subprocess.check_output([tmp_path / program], env=known)) == expected
