"""Build the Android library: `python bindings/android/build.py`, or `--jvm` for the Java of this machine.

`dist/` becomes a Maven repository of one package, an AAR with Gradle's metadata: classes, and `libundin.so` with the
stream and all models for each kind of processor. Neither Google's SDK nor its NDK is needed: classes are compiled
against `sdk/framework.txt`, C by zig, which needs no library, since the C calls none.
"""

import argparse
import hashlib
import json
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from undin.compiler.pipeline import translate
from undin.compiler.toolchain.build import build_together
from undin.compiler.toolchain.targets import TARGETS
from undin.model.loading import WEIGHTS

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "sdk"))

import java  # noqa: E402
import stubs  # noqa: E402

ROOT = HERE.parents[1]
SOURCE, DIST = HERE / "src", HERE / "dist"
WORK = ROOT / "build" / "android"
"""Where libraries are compiled to; those that are newer than undin stay."""

MODELS = ("undin-nano", "undin-tiny", "undin-small", "undin-small-48k")
ABIS = {"arm64-v8a": "android-arm64", "armeabi-v7a": "android-armv7", "x86_64": "android-x86_64"}
"""Targets of undin by what Android calls their processors."""

GROUP, ARTIFACT = "undin", "undin-android"
FOR_ANDROID_ALONE = {"MediaSound.java"}


def main() -> None:
    """Build what is asked for, and say what it has become."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jvm", action="store_true", help="a jar and a library for this machine, in build/android/jvm")
    is_for_jvm = parser.parse_args().jvm
    try:
        built = build_jvm() if is_for_jvm else build_aar()
    except OSError as error:
        raise SystemExit(f"error: {error}") from None
    print(built if is_for_jvm else f"{built}: {built.stat().st_size:,} bytes")


def build_jvm() -> Path:
    """Build a jar of the classes and the library for this machine; returns their folder."""
    folder = WORK / "jvm"
    compile_library("native", folder)
    sources = [path for path in (SOURCE / "undin").glob("*.java") if path.name not in FOR_ANDROID_ALONE]
    java.compile_java(sorted(sources), folder / "classes")
    java.write_zip(folder / "undin.jar", java.tree(folder / "classes"))
    return folder


def build_aar() -> Path:
    """Build the Maven repository; returns the AAR in it."""
    libraries = {abi: compile_library(target, WORK / abi) for abi, target in ABIS.items()}
    framework = stubs.compile_framework(WORK / "framework")
    java.compile_java(sorted((SOURCE / "undin").glob("*.java")), WORK / "classes", class_path=[framework])
    java.write_zip(WORK / "classes.jar", java.tree(WORK / "classes"))
    entries = {
        "AndroidManifest.xml": (HERE / "AndroidManifest.xml").read_bytes(),
        "classes.jar": (WORK / "classes.jar").read_bytes(),
        "R.txt": b"",
        "proguard.txt": (HERE / "proguard.txt").read_bytes(),
        "META-INF/com/android/build/gradle/aar-metadata.properties": AAR_METADATA.encode(),
        "META-INF/LICENSE": (ROOT / "LICENSE").read_bytes(),
    }
    entries |= {f"jni/{abi}/libundin.so": library.read_bytes() for abi, library in libraries.items()}
    shutil.rmtree(DIST, ignore_errors=True)
    place = DIST / GROUP / ARTIFACT / version() / f"{ARTIFACT}-{version()}"
    aar, sources = place.with_name(f"{place.name}.aar"), place.with_name(f"{place.name}-sources.jar")
    java.write_zip(aar, entries)
    java.write_zip(sources, java.tree(SOURCE, suffix=".java"))
    place.with_name(f"{place.name}.module").write_text(gradle_metadata(aar, sources), encoding="utf-8")
    pom = POM.format(group=GROUP, artifact=ARTIFACT, version=version())
    place.with_name(f"{place.name}.pom").write_text(pom, encoding="utf-8")
    return aar


def compile_library(target: str, folder: Path, models: Sequence[str] = MODELS) -> Path:
    """Compile `libundin.so` for a target of undin, where something is newer than it is."""
    product = folder / TARGETS[target].library.format("undin")
    sources = [path for path in (ROOT / "src" / "undin").rglob("*") if path.suffix in (".py", ".c", ".h", ".onnx")]
    sources += [path for path in SOURCE.iterdir() if path.is_file()] + [Path(__file__)]
    if product.exists() and product.stat().st_mtime > max(path.stat().st_mtime for path in sources):
        return product
    translated = {name: translate(WEIGHTS / f"{name}.onnx") for name in models}
    headers = "".join(f'#include "{source.prefix}.h"\n' for source in translated.values())
    table = ", ".join(f'{{"{name}", &{source.prefix}}}' for name, source in translated.items())
    files = {
        "undin_jni.c": (SOURCE / "undin_jni.c").read_text(encoding="utf-8"),
        "undin_models.h": f"{headers}#define UNDIN_MODELS {table}\n",
        "stdio.h": "/* jni.h includes it and uses nothing of it. */\n",
    }
    include = java.home() / "include"
    system = next(
        path for path in include.iterdir() if path.is_dir()
    )  # a header that differs by system, but not for Android
    plain = TARGETS[target]
    with_java = replace(
        plain,
        flags=(*plain.flags, "-I.", f"-I{include}", f"-I{system}"),
        link_flags=(*plain.link_flags, f"-Wl,--version-script={SOURCE / 'undin_jni.map'}"),
    )
    shutil.rmtree(folder, ignore_errors=True)
    return build_together("undin", list(translated.values()), files, folder, target=with_java)


def version() -> str:
    """Of the package, which is undin's."""
    return re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.M)[1]


def gradle_metadata(aar: Path, sources: Path) -> str:
    """What Gradle reads in place of the POM: the variants of the package, and their files with checksums."""

    def variant(name: str, attributes: dict[str, object], file: Path) -> dict[str, object]:
        content = file.read_bytes()
        sums = {kind: hashlib.new(kind, content).hexdigest() for kind in ("sha512", "sha256", "sha1", "md5")}
        described = {"name": file.name, "url": file.name, "size": len(content), **sums}
        return {"name": name, "attributes": attributes, "files": [described]}

    library = {"org.gradle.category": "library", "org.gradle.dependency.bundling": "external"}
    library |= {"org.gradle.libraryelements": "aar", "org.gradle.jvm.environment": "android"}
    documentation = {"org.gradle.category": "documentation", "org.gradle.dependency.bundling": "external"}
    documentation |= {"org.gradle.docstype": "sources", "org.gradle.usage": "java-runtime"}
    component = {"group": GROUP, "module": ARTIFACT, "version": version()}
    variants = [
        variant("releaseApiElements", {**library, "org.gradle.usage": "java-api"}, aar),
        variant("releaseRuntimeElements", {**library, "org.gradle.usage": "java-runtime"}, aar),
        variant("releaseSourcesElements", documentation, sources),
    ]
    module = {
        "formatVersion": "1.1",
        "component": {**component, "attributes": {"org.gradle.status": "release"}},
        "createdBy": {},
        "variants": variants,
    }
    return json.dumps(module, indent=2) + "\n"


AAR_METADATA = """\
aarFormatVersion=1.0
aarMetadataVersion=1.0
minCompileSdk=24
"""

POM = """\
<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <!-- do_not_remove: published-with-gradle-metadata -->
  <modelVersion>4.0.0</modelVersion>
  <groupId>{group}</groupId>
  <artifactId>{artifact}</artifactId>
  <version>{version}</version>
  <packaging>aar</packaging>
  <name>undin</name>
  <description>Takes the noise out of speech in real time</description>
  <licenses>
    <license>
      <name>Apache-2.0</name>
      <url>https://www.apache.org/licenses/LICENSE-2.0.txt</url>
    </license>
  </licenses>
</project>
"""


if __name__ == "__main__":
    main()
