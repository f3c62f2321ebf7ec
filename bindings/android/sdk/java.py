"""The JDK of this machine: where it is, its compiler, and jars that are the same whenever they are made."""

import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

RELEASE = "8"
"""Of class files: the newest that Android's old dx takes once it is told that they are older, without lambdas."""

EPOCH = (1980, 1, 1, 0, 0, 0)
"""What zip files say that their entries are from."""


def home() -> Path:
    """Folder of the JDK.

    Raises
    ------
    OSError
        There is none.
    """
    folder = os.environ.get("JAVA_HOME")
    if not folder and (compiler := shutil.which("javac")):
        folder = Path(compiler).resolve().parents[1]
    if not folder or not (Path(folder) / "include" / "jni.h").is_file():
        raise OSError("there is no JDK: install one (apt-get install openjdk-17-jdk-headless), or set JAVA_HOME")
    return Path(folder)


def compile_java(sources: Iterable[Path], classes: Path, *, class_path: Iterable[Path] = ()) -> None:
    """Compile Java files to class files in a folder, which is emptied before.

    Raises
    ------
    OSError
        There is no JDK, or it refuses them; javac's words are in the message.
    """
    shutil.rmtree(classes, ignore_errors=True)
    classes.mkdir(parents=True)
    command = [home() / "bin" / "javac", "-encoding", "UTF-8", "--release", RELEASE, "-Xlint:all,-options,-serial"]
    command += ["-Werror", "-d", classes, "-cp", os.pathsep.join(map(str, class_path)), *sources]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"javac failed:\n{done.stderr}")


def write_zip(place: Path, entries: Mapping[str, bytes], *, stored: Mapping[str, bytes] | None = None) -> None:
    """Write a zip, the same bytes for the same entries.

    Parameters
    ----------
    place : Path
    entries : mapping of str to bytes
        Files by their names.
    stored : mapping of str to bytes, optional
        Further ones, which are not compressed.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(place, "w") as file:
        for kind, group in ((zipfile.ZIP_DEFLATED, entries), (zipfile.ZIP_STORED, stored or {})):
            for name, content in group.items():
                file.writestr(zipfile.ZipInfo(name, EPOCH), content, kind)


def tree(folder: Path, *, suffix: str = "") -> dict[str, bytes]:
    """The files below a folder, as `write_zip` takes them."""
    files = sorted(path for path in folder.rglob(f"*{suffix}") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
