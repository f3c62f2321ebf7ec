"""Archives that are the same bytes whenever and wherever they are written: names in order, one time, one owner."""

import gzip
import io
import os
import subprocess
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def source_date_epoch() -> int:
    """Seconds, the time of all files of a release: what `SOURCE_DATE_EPOCH` says, else that of the last commit."""
    told = os.environ.get("SOURCE_DATE_EPOCH")
    return int(told or subprocess.check_output(["git", "log", "-1", "--format=%ct"], cwd=ROOT, text=True))


def write_tar(path: Path, files: dict[str, bytes]) -> None:
    """Write files by their names in the archive, packed by gzip."""
    epoch, tar = source_date_epoch(), io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = len(content), epoch, 0o644
            archive.addfile(entry, io.BytesIO(content))
    path.write_bytes(gzip.compress(tar.getvalue(), 9, mtime=epoch))


def read_tar(path: Path) -> dict[str, bytes]:
    """The files of an archive by their names."""
    with tarfile.open(path) as archive:
        return {entry.name: archive.extractfile(entry).read() for entry in archive if entry.isfile()}


def tree(folder: Path) -> dict[str, bytes]:
    """The files below a folder by their paths in it."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
