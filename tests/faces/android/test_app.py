"""The app apart from Android, on this machine's JVM: `java/undin/app/Scenarios.java`, each scenario a test."""

import re
import subprocess

import pytest
from faces.android.conftest import HERE, ROOT

APP = ROOT / "apps" / "android"
SCENARIOS = HERE / "java" / "undin" / "app" / "Scenarios.java"
NAMES = re.findall(r"^    void (\w+)\(\)", SCENARIOS.read_text(encoding="utf-8"), re.M)


@pytest.fixture(scope="module")
def classes(jdk, jvm, tmp_path_factory):
    """The app's classes that know nothing of Android, and the scenarios."""
    folder = tmp_path_factory.mktemp("app")
    sources = (APP / "src" / "main" / "java").rglob("*.java")
    plain = [path for path in sources if "import android." not in path.read_text(encoding="utf-8")]
    assert {"Studio.java", "Spectrogram.java", "Device.java"} <= {path.name for path in plain}
    command = [jdk / "javac", "-Xlint:all,-serial", "-Werror", "-d", folder, "-cp", jvm / "undin.jar"]
    subprocess.run([*command, *plain, SCENARIOS], check=True)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_scenario(jdk, jvm, classes, tmp_path, name):
    path = f"{classes}:{jvm / 'undin.jar'}"
    command = [jdk / "java", "-Xcheck:jni", "-XX:TieredStopAtLevel=1", f"-Djava.library.path={jvm}", "-cp", path]
    command += ["undin.app.Scenarios", name, tmp_path]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.stdout == "passed\n", done.stdout + done.stderr
