"""The app as `make apk` builds it: its signature, what is in it, and that Android Studio would build the same."""

import os
import re
import runpy
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
import zipfile

import pytest
from faces.android.conftest import BINDING, ROOT
from support.needs import need

APP = ROOT / "apps" / "android"
MAIN = APP / "src" / "main"
ANDROID = "{http://schemas.android.com/apk/res/android}"


@pytest.fixture(scope="module")
def apk(aar):
    """The signed app."""
    need("android")
    done = subprocess.run([sys.executable, APP / "apk.py"], check=False, capture_output=True, text=True)
    if "cannot fetch" in done.stderr:
        pytest.skip(done.stderr.splitlines()[-1])
    assert done.returncode == 0, done.stderr
    return APP / "build" / "undin.apk"


@pytest.fixture(scope="module")
def settings():
    """What gradle.properties says."""
    lines = (APP / "gradle.properties").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=") for line in lines if line.startswith("undin."))


@pytest.fixture(scope="module")
def version():
    return re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.M)[1]


def told(*command) -> str:
    return subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout


def strings(folder: str) -> dict[str, str]:
    root = ElementTree.parse(MAIN / "res" / folder / "strings.xml").getroot()
    return {string.get("name"): string.text for string in root if string.get("translatable") != "false"}


def test_android_would_install_it(apk, settings):
    verified = told("apksigner", "verify", "--verbose", "--min-sdk-version", settings["undin.minSdk"], apk)
    assert verified.startswith("Verifies\n") and "v2 scheme (APK Signature Scheme v2): true" in verified
    assert "v3 scheme (APK Signature Scheme v3): true" in verified
    assert "Verification successful" in told("zipalign", "-c", "-v", "16384", apk)


def test_it_is_what_gradle_properties_says(apk, settings, version):
    badging = told("aapt", "dump", "badging", apk)
    name, code = settings["undin.applicationId"], settings["undin.versionCode"]
    assert f"package: name='{name}' versionCode='{code}' versionName='{version}'" in badging
    assert f"sdkVersion:'{settings['undin.minSdk']}'" in badging
    assert f"targetSdkVersion:'{settings['undin.targetSdk']}'" in badging
    assert re.findall("uses-permission: name='(.*)'", badging) == ["android.permission.RECORD_AUDIO"]
    assert "launchable-activity: name='undin.app.MainActivity'" in badging
    assert "native-code: 'arm64-v8a' 'armeabi-v7a' 'x86_64'" in badging


def test_its_libraries_are_those_of_the_aar(apk, aar):
    with zipfile.ZipFile(apk) as app, zipfile.ZipFile(aar) as library:
        names = [name for name in app.namelist() if name.startswith("lib/")]
        assert len(names) == 3
        for name in names:
            assert app.read(name) == library.read(name.replace("lib/", "jni/", 1))
            assert app.getinfo(name).compress_type == zipfile.ZIP_STORED  # mapped as it lies there


def test_its_code_is_all_of_the_sources_and_nothing_of_androids(apk):
    classes = set(re.findall(r"Class descriptor  : 'L(.*);'", told("dexdump", apk)))
    outer = {name for name in classes if "$" not in name}
    sources = {path.relative_to(MAIN / "java").with_suffix("").as_posix() for path in MAIN.rglob("*.java")}
    sources |= {f"undin/{path.stem}" for path in (BINDING / "src" / "undin").glob("*.java")}
    assert outer == sources | {"undin/app/R"}


def test_gradle_builds_the_same_sources(settings):
    build = (APP / "build.gradle").read_text(encoding="utf-8")
    assert "sourceSets" not in build and "srcDir" not in build  # it takes src/main, as apk.py does
    assert set(re.findall(r"property\('(.*?)'\)", build)) == settings.keys()
    assert "versionName = undinVersion" in build and "../../pyproject.toml" in build
    coordinates = re.search(
        r'^GROUP, ARTIFACT = "(.+)", "(.+)"', (BINDING / "build.py").read_text(encoding="utf-8"), re.M
    )
    assert f'implementation "{coordinates[1]}:{coordinates[2]}:$undinVersion"' in build
    repository = re.search(r"uri\('(.*?)'\)", (APP / "settings.gradle").read_text(encoding="utf-8"))[1]
    assert (APP / repository).resolve() == BINDING / "dist"
    manifest = ElementTree.parse(MAIN / "AndroidManifest.xml").getroot()
    assert "package" not in manifest.attrib and manifest.find("uses-sdk") is None  # those are in build.gradle
    named = {element.get(f"{ANDROID}name") for element in manifest.find("application")}
    assert {f"{settings['undin.applicationId']}.{name}" for name in ("MainActivity", "WavProvider")} == named


def test_the_manifest_in_it_is_that_of_gradle_but_for_what_gradle_adds(apk):
    tree = told("aapt2", "dump", "xmltree", "--file", "AndroidManifest.xml", apk)
    elements = re.findall(r"E: (\S+)", tree)
    wanted = [element.tag for element in ElementTree.parse(MAIN / "AndroidManifest.xml").getroot().iter()]
    assert sorted(elements) == sorted([*wanted, "uses-sdk"])


def test_every_text_is_there_in_both_languages_and_used():
    english, german = strings("values"), strings("values-de")
    assert english.keys() == german.keys()
    for name, text in english.items():
        assert sorted(re.findall(r"%\d\$\S*", text)) == sorted(re.findall(r"%\d\$\S*", german[name])), name
    files = [*MAIN.rglob("*.java"), *(MAIN / "res").glob("layout*/*.xml")]
    used = " ".join(path.read_text(encoding="utf-8") for path in files)
    assert {name for name in english if not re.search(rf"(R\.string\.|@string/){name}\b", used)} == set()


def test_every_message_has_its_text():
    studio = (MAIN / "java" / "undin" / "app" / "Studio.java").read_text(encoding="utf-8")
    names = re.search(r"enum Message \{(.*?)\}", studio, re.S)[1].replace(",", " ").split()
    activity = (MAIN / "java" / "undin" / "app" / "MainActivity.java").read_text(encoding="utf-8")
    assert {name for name in names if f"case {name}:" not in activity} == {"NONE"}


def test_without_its_tools_the_build_names_them(tmp_path):
    nowhere = os.environ | {"PATH": str(tmp_path)}
    command = [sys.executable, APP / "apk.py"]
    done = subprocess.run(command, env=nowhere, check=False, capture_output=True, text=True)
    assert done.returncode == 1 and "apt-get install aapt zipalign apksigner" in done.stderr


@pytest.mark.parametrize("line", ("methods public void stop();", "public void stop();", "class android.View"))
def test_a_line_that_is_no_api_is_refused(monkeypatch, tmp_path, line):
    monkeypatch.syspath_prepend(BINDING / "sdk")
    write = runpy.run_path(str(BINDING / "sdk" / "stubs.py"))["write"]
    with pytest.raises(ValueError, match="not a line of an API"):
        write(tmp_path, f"package android.view {{\n  public class View {{\n    {line}\n  }}\n}}\n")
