"""What a run of tests makes once, whichever of its workers comes to need it first; the others wait and take it.

Not a test. Read next: tests/faces/web/conftest.py, which builds the npm package by it.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from pytest import TempPathFactory

ROOT = Path(__file__).resolve().parents[2]


def shared_folder(factory: TempPathFactory) -> Path:
    """The folder of this run that all its workers know."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def made_once(place: Path, make: Callable[[Path], object]) -> Path:
    """Give a file or folder, which `make` brings about at the path it is given unless somebody has done so."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_name(f"{place.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            partial = place.with_name(f"{place.name}.partial")
            make(partial)
            partial.rename(place)
    return place


def run_once(factory: TempPathFactory, script: str, *options: str | Path) -> str:
    """Run a script that builds something in this checkout, `script` from its root, and give what it prints."""
    command = [sys.executable, ROOT / script, *map(str, options)]

    def build(said: Path) -> None:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        said.write_text(done.stdout)

    name = hashlib.sha256(repr(command).encode()).hexdigest()[:16]
    return made_once(shared_folder(factory) / f"said-{name}", build).read_text()
