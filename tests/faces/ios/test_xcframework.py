"""The framework for iPhones as Apple's tools would read it: what is in it; and others compile and link it.

Apple's own tools are nowhere but on a Mac: neither they nor an iPhone have seen it.
"""

import plistlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.needs import need
from support.once import run_once

from undin.compiler.emit.dispatch import public_names

ROOT = Path(__file__).resolve().parents[3]
BINDING = ROOT / "bindings" / "ios"
LEAST = "14.0"
TRIPLES = {
    ("ios-arm64", "arm64"): f"aarch64-ios.{LEAST}",
    ("ios-arm64_x86_64-simulator", "arm64"): f"aarch64-ios.{LEAST}-simulator",
    ("ios-arm64_x86_64-simulator", "x86_64"): f"x86_64-ios.{LEAST}-simulator",
}
OF_THE_SYSTEM = {"_memcpy", "_memmove", "_memset", "_bzero"}


@pytest.fixture(scope="module")
def framework(tmp_path_factory) -> Path:
    need("ziglang", "llvm-objdump")
    run_once(tmp_path_factory, "bindings/ios/build.py")
    return BINDING / "dist" / "Undin.xcframework"


@pytest.fixture(params=TRIPLES, ids="-".join)
def piece(request, framework):
    """A folder of the framework, a processor, and zig's name for both."""
    name, processor = request.param
    return framework / name, processor, TRIPLES[request.param]


def told(*command) -> str:
    return subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout


def compiled(source: str, language: str, folder: Path, triple: str, headers: Path, *flags: str) -> Path:
    """Compile a text by clang, as zig has it; warnings are errors."""
    (folder / "text").write_text(source)
    product = folder / "text.o"
    strict = ["-Wall", "-Wextra", "-Werror", "-std=c99" if language == "c" else "-Wno-comment"]
    command = [
        sys.executable,
        "-m",
        "ziglang",
        "cc",
        "-c",
        "-x",
        language,
        "-target",
        triple,
        "-ffreestanding",
        *strict,
    ]
    subprocess.run([*command, *flags, f"-I{headers}", folder / "text", "-o", product], check=True)
    return product


def test_its_list_is_what_is_in_it(framework):
    plist = plistlib.loads((framework / "Info.plist").read_bytes())
    assert plist["CFBundlePackageType"] == "XFWK" and plist["XCFrameworkFormatVersion"] == "1.0"
    assert {path.name for path in framework.iterdir()} == {"Info.plist", "ios-arm64", "ios-arm64_x86_64-simulator"}
    listed = set()
    for library in plist["AvailableLibraries"]:
        folder = framework / library["LibraryIdentifier"]
        assert (folder / library["LibraryPath"]).is_file() and (folder / library["HeadersPath"]).is_dir()
        assert library["SupportedPlatform"] == "ios"
        assert (library.get("SupportedPlatformVariant") == "simulator") == folder.name.endswith("-simulator")
        listed |= {(folder.name, processor) for processor in library["SupportedArchitectures"]}
    assert listed == TRIPLES.keys()


def test_every_object_says_what_it_is_for(piece):
    folder, processor, triple = piece
    headers = told("llvm-objdump", "--macho", f"--arch={processor}", "--private-headers", folder / "libundin.a")
    objects = len(re.findall(r"\(\w+\.o\)", headers))
    assert objects >= 10
    assert re.findall(r"minos (\S+)", headers) == [LEAST] * objects
    wanted = "iossimulator" if triple.endswith("simulator") else "ios"
    assert re.findall(r"platform (\S+)", headers) == [wanted] * objects


def test_it_wants_nothing_but_four_functions_of_the_system(piece):
    folder, processor, _ = piece
    table = told("llvm-nm", f"--arch={processor}", "-g", folder / "libundin.a")
    undefined = set(re.findall(r" U (\w+)", table))
    defined = re.findall(r"^[0-9a-f]+ [A-Z] (\w+)", table, re.M)
    assert len(defined) == len(set(defined))
    assert undefined - set(defined) <= OF_THE_SYSTEM
    functions = public_names("undin", (folder / "Headers" / "undin.h").read_text())
    assert "undin_stream_process" in functions
    assert {f"_{name}" for name in functions} <= set(defined)


def test_a_linker_for_mach_o_takes_it(piece, tmp_path):
    folder, _, triple = piece
    program = """
        #include "undin_models.h"
        void *memcpy(void *a, const void *b, size_t n) { (void)b, (void)n; return a; }
        void *memmove(void *a, const void *b, size_t n) { (void)b, (void)n; return a; }
        void *memset(void *a, int b, size_t n) { (void)b, (void)n; return a; }
        void bzero(void *a, size_t n) { (void)a, (void)n; }
        size_t bytes(void) { return undin_stream_bytes(undin_model_at(0), 48000, 2); }
    """
    (tmp_path / "program.c").write_text(program)
    library = tmp_path / "program.dylib"
    command = [sys.executable, "-m", "ziglang", "cc", "-target", triple, "-ffreestanding", "-nostdlib", "-shared"]
    sources = [f"-I{folder / 'Headers'}", tmp_path / "program.c", folder / "libundin.a", "-o", library]
    subprocess.run([*command, *sources], check=True)
    table = told("llvm-nm", library)
    assert re.search(r" U (?!dyld_stub_binder)\w+", table) is None and " _undin_small_process_hops" in table


@pytest.mark.parametrize("language", ("c", "objective-c", "objective-c++"))
def test_its_headers_are_right_in_the_languages_of_apple(framework, tmp_path, language):
    headers = framework / "ios-arm64" / "Headers"
    names = sorted(path.name for path in headers.glob("*.h"))
    assert {"undin.h", "undin_models.h", "undin_small.h"} <= set(names)
    for name in names:
        compiled(f'#include "{name}"\nint abi(void);\n', language, tmp_path, f"aarch64-ios.{LEAST}", headers)


def test_its_module_is_found(framework, tmp_path):
    text = "@import CUndin;\nint abi(void);\nint abi(void) { return undin_small.abi + (undin_model_at(0) != 0); }\n"
    flags = ["-fmodules", f"-fmodules-cache-path={tmp_path / 'modules'}"]
    headers = framework / "ios-arm64" / "Headers"
    compiled(text, "objective-c", tmp_path, f"aarch64-ios.{LEAST}", headers, *flags)
    listed = re.findall(r'header "(.*)"', (headers / "module.modulemap").read_text())
    assert sorted(listed) == sorted(path.name for path in headers.glob("*.h"))


def test_the_package_names_what_is_built(framework):
    package = (BINDING / "Package.swift").read_text()
    assert BINDING / re.search(r'path: "(.*)"', package)[1] == framework
    assert f".iOS(.v{LEAST.split('.')[0]})" in package
    assert (
        f'name: "{re.search("module (.*) {", (framework / "ios-arm64/Headers/module.modulemap").read_text())[1]}"'
        in package
    )


def test_swift_calls_functions_that_the_headers_have(framework):
    """A Swift compiler is not to be had here; what it would ask first."""
    swift = (BINDING / "Sources" / "Undin" / "UndinStream.swift").read_text()
    called = set(re.findall(r"\b(undin_\w+)\(", swift))
    headers = "".join(path.read_text() for path in (framework / "ios-arm64" / "Headers").glob("*.h"))
    assert {name for name in called if not re.search(rf"\b{name}\b", headers)} == set()
    assert len(called) >= 10 and swift.count("{") == swift.count("}")
