"""The Android library as others get it: what is in the AAR, what its loader will see, and its x86-64 in this JVM."""

import hashlib
import json
import re
import subprocess
import xml.etree.ElementTree as ElementTree
import zipfile

import numpy as np
import pytest
from faces.android.conftest import BINDING
from faces.android.test_stream import expected, through
from support.needs import need

import undin
from undin.compiler.pipeline import translate
from undin.compiler.toolchain.build import build
from undin.compiler.toolchain.targets import TARGETS
from undin.model.loading import WEIGHTS

MACHINES = {"arm64-v8a": "AArch64", "armeabi-v7a": "ARM", "x86_64": "Advanced Micro Devices X86-64"}
PAGE = 16384


@pytest.fixture(scope="module")
def unpacked(aar, tmp_path_factory):
    folder = tmp_path_factory.mktemp("aar")
    with zipfile.ZipFile(aar) as file:
        file.extractall(folder)
    return folder


@pytest.fixture(params=MACHINES)
def library(request, unpacked):
    return unpacked / "jni" / request.param / "libundin.so"


def readelf(*arguments) -> str:
    need("readelf")
    return subprocess.run(["readelf", "-W", *arguments], check=True, capture_output=True, text=True).stdout


def test_a_loader_finds_all_it_wants(library):
    assert f"Machine:                           {MACHINES[library.parent.name]}" in readelf("-h", library)
    dynamic = readelf("-d", library)
    assert "(SONAME)" in dynamic and "[libundin.so]" in dynamic
    assert "(NEEDED)" not in dynamic and "TEXTREL" not in dynamic and "(RUNPATH)" not in dynamic
    symbols = [line.split() for line in readelf("--dyn-syms", library).splitlines()]
    symbols = [words for words in symbols if len(words) == 8 and words[0].rstrip(":").isdigit()]
    assert [words for words in symbols if words[6] == "UND"] == []  # line 0, which has no name, is shorter
    methods = re.findall(r"native \w+ (\w+)\(", (BINDING / "src" / "undin" / "Native.java").read_text())
    assert {words[7] for words in symbols} == {f"Java_undin_Native_{name}" for name in methods}


def test_its_segments_suit_pages_of_16_kb(library):
    segments = [line.split() for line in readelf("-l", library).splitlines()]
    loads = [words for words in segments if words[:1] == ["LOAD"]]
    assert len(loads) >= 2
    for words in loads:
        offset, address, alignment = (int(words[i], 16) for i in (1, 2, -1))
        assert alignment % PAGE == 0 and offset % PAGE == address % PAGE
        assert not {"W", "E"} <= set("".join(words[6:-1]))
    # What may be written must begin in pages of its own.
    starts = sorted(int(words[2], 16) // PAGE for words in loads)
    assert len(set(starts)) == len(starts)
    (stack,) = (words for words in segments if words[:1] == ["GNU_STACK"])
    assert "E" not in "".join(stack[6:-1])


def test_armv7_gets_floats_in_integer_registers_as_android_hands_them_over(unpacked):
    assert "Tag_ABI_VFP_args" not in readelf("-A", unpacked / "jni" / "armeabi-v7a" / "libundin.so")


@pytest.mark.needs("linux", "x86-64")
@pytest.mark.parametrize(("rate", "channels"), ((16_000, 1), (48_000, 2)))
def test_the_library_for_x86_64_gives_what_its_model_gives_python(program, unpacked, speech, tmp_path, rate, channels):
    source = translate(WEIGHTS / "undin-tiny.onnx")
    model = undin.load(build(source, tmp_path / "model", target=TARGETS["android-x86_64"]))
    samples = speech(rate, channels)
    folder = unpacked / "jni" / "x86_64"
    output = through(program, tmp_path, samples, rate=rate, model="undin-tiny", library=folder)
    assert output.tobytes() == expected(samples, rate=rate, model=model).tobytes()
    np.testing.assert_allclose(output, expected(samples, rate=rate, model="undin-tiny"), atol=1e-4)


def test_it_holds_what_an_aar_holds(unpacked):
    names = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    libraries = {f"jni/{abi}/libundin.so" for abi in MACHINES}
    metadata = {"META-INF/com/android/build/gradle/aar-metadata.properties", "META-INF/LICENSE"}
    assert names == {"AndroidManifest.xml", "classes.jar", "R.txt", "proguard.txt"} | libraries | metadata
    manifest = ElementTree.parse(unpacked / "AndroidManifest.xml").getroot()
    assert [child.tag for child in manifest] == ["uses-sdk"]  # no permissions
    with zipfile.ZipFile(unpacked / "classes.jar") as file:
        classes = {name: file.read(name) for name in file.namelist()}
    assert {name.split("/")[0] for name in classes} == {"undin"} and "undin/MediaSound.class" in classes
    assert {content[7] for content in classes.values()} == {52}  # Java 8
    kept = re.search(r"class (\S+) \{", (unpacked / "proguard.txt").read_text())[1]
    assert f"{kept.replace('.', '/')}.class" in classes


def test_gradle_finds_what_it_checks(aar):
    module = json.loads(aar.with_suffix(".module").read_text())
    component = module["component"]
    assert f"{component['group']}/{component['module']}/{component['version']}" in aar.as_posix()
    for variant in module["variants"]:
        for file in variant["files"]:
            content = (aar.parent / file["url"]).read_bytes()
            assert file["size"] == len(content)
            assert all(file[kind] == hashlib.new(kind, content).hexdigest() for kind in ("sha1", "sha256", "sha512"))
    usages = {variant["attributes"]["org.gradle.usage"] for variant in module["variants"]}
    assert usages == {"java-api", "java-runtime"}
    pom = ElementTree.parse(aar.with_suffix(".pom")).getroot()
    maven = "{http://maven.apache.org/POM/4.0.0}"
    assert [pom.find(maven + name).text for name in ("groupId", "artifactId", "version", "packaging")] == [
        *(component[name] for name in ("group", "module", "version")),
        "aar",
    ]
    assert "published-with-gradle-metadata" in aar.with_suffix(".pom").read_text()
