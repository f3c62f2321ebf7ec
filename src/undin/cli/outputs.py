"""Which file each input of `undin enhance` goes to: naming and the refusals that keep inputs safe, no audio."""

import glob
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from undin.io import audio

SUFFIX = "_enhanced"


@dataclass(frozen=True)
class Job:
    """One file to enhance: where it is read, where the result and (or None) its picture are written."""

    source: Path
    output: Path
    picture: Path | None


def plan(inputs: Iterable[str], *, output: str | None, picture: bool) -> list[Job]:
    """Find the files that `inputs` mean and name an output for each.

    Parameters
    ----------
    inputs : iterable of str
        Files, folders (searched for audio at any depth) and glob patterns.
    output : str or None
        For one file: the file to write, or an existing folder. Otherwise a folder, in which the tree of each input
        folder is kept. None writes beside each input, with "_enhanced" added to its name.
    picture : bool
        Whether each output gets a PNG beside it.

    Raises
    ------
    ValueError
        Nothing is found, two inputs would share one output, or an output is one of the inputs.
    """
    paths = [path for text in inputs for path in _matches(text)]
    if output is None:
        pairs = [pair for path in paths for pair in _beside(path)]
    elif len(paths) == 1 and not paths[0].is_dir() and not _means_folder(output):
        pairs = [(paths[0], Path(output))]
    elif Path(output).is_file():
        raise ValueError(f"{output}: several inputs need a folder to go to, and this is a file")
    else:
        pairs = [pair for path in paths for pair in _into(Path(output), path)]
    jobs = [Job(source, target, target.with_suffix(".png") if picture else None) for source, target in pairs]
    _refuse_collisions(jobs)
    return jobs


def _matches(text: str) -> list[Path]:
    if os.path.exists(text) or not glob.has_magic(text):
        return [Path(text)]
    found = sorted(glob.glob(text, recursive=True))
    if not found:
        raise ValueError(f"{text}: no file matches")
    return [Path(name) for name in found]


def _means_folder(output: str) -> bool:
    return output.endswith(("/", os.sep)) or Path(output).is_dir()


def _beside(path: Path) -> list[tuple[Path, Path]]:
    if path.is_dir():
        folder = path.resolve()
        return _tree(path, folder.with_name(folder.name + SUFFIX))
    return [(path, path.with_stem(path.stem + SUFFIX))]


def _into(output: Path, path: Path) -> list[tuple[Path, Path]]:
    return _tree(path, output) if path.is_dir() else [(path, output / path.name)]


def _tree(folder: Path, output: Path) -> list[tuple[Path, Path]]:
    # Results of an earlier run may lie inside the folder (`undin enhance . -o enhanced`): they are no inputs.
    earlier = output.resolve()
    found = [path for path in audio.find_files(folder) if not path.resolve().is_relative_to(earlier)]
    if not found:
        raise ValueError(f"{folder}: no audio files in this folder")
    return [(path, output / path.relative_to(folder)) for path in found]


def _refuse_collisions(jobs: list[Job]) -> None:
    inputs = {job.source.resolve() for job in jobs}
    writer_of: dict[Path, Path] = {}
    for job in jobs:
        for target in filter(None, (job.output, job.picture)):
            place = target.resolve()
            if place in inputs:
                raise ValueError(f"{target}: would overwrite an input; name another place with -o")
            if place in writer_of:
                raise ValueError(
                    f"{target}: {writer_of[place]} and {job.source} would both go there; enhance them one by one"
                )
            writer_of[place] = job.source
