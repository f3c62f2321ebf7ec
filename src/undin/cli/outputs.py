"""Which file each input of `undin enhance` goes to: naming and the refusals that keep inputs safe, no audio."""

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from undin.io import media
from undin.io.folder import search
from undin.io.pipe import is_pipe

SUFFIX = "_enhanced"
NEEDS_MEDIA = 'libsndfile cannot open such files: pip install "undin[media]"'


@dataclass(frozen=True)
class Job:
    """One file to enhance: where it is read, where the result and (or None) its picture are written."""

    source: Path
    output: Path
    picture: Path | None

    def is_done(self) -> bool:
        """Whether all of it is there already; files are complete or not there."""
        return self.output.exists() and (self.picture is None or self.picture.exists())


@dataclass
class Plan:
    """What a run does, and what it passes over: files with the reason."""

    jobs: list[Job]
    left_out: list[tuple[Path, str]]


def plan(inputs: Iterable[str], *, output: str | None, picture: bool) -> Plan:
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
    inputs = list(inputs)
    left_out: list[tuple[Path, str]] = []
    paths = [path for text in inputs for path in _matches(text, left_out)]
    if output is None:
        pairs = [pair for path in paths for pair in _beside(path, left_out)]
    elif len(paths) == 1 and not paths[0].is_dir() and not _means_folder(output):
        pairs = [(paths[0], Path(output))]
    elif Path(output).is_file():
        raise ValueError(f"{output}: several inputs need a folder to go to, and this is a file")
    else:
        pairs = [pair for path in paths for pair in _into(Path(output), path, left_out)]
    if picture and any(is_pipe(source) for source, _ in pairs):
        raise ValueError("a pipe can be read only once: give no --plot")
    jobs = [Job(source, target, target.with_suffix(".png") if picture else None) for source, target in pairs]
    _refuse_collisions(jobs)
    return Plan(jobs, left_out)


def _matches(text: str, left_out: list[tuple[Path, str]]) -> list[Path]:
    if os.path.exists(text) or not glob.has_magic(text):
        return [Path(text)]
    found = [Path(name) for name in sorted(glob.glob(text, recursive=True))]
    if not found:
        raise ValueError(f"{text}: no file matches")
    return _without_own(found, left_out)


def _without_own(paths: list[Path], left_out: list[tuple[Path, str]]) -> list[Path]:
    """The paths but those that an earlier run made out of others of them."""
    there = set(paths)
    own = {path for path in paths if any(original in there for original in _originals(path))}
    left_out += [(path, "made by an earlier run from the file without _enhanced") for path in paths if path in own]
    return [path for path in paths if path not in own]


def _originals(path: Path) -> Iterator[Path]:
    """What an output beside its input, or in a folder beside its folder, was made from."""
    if path.stem.endswith(SUFFIX):
        yield path.with_stem(path.stem.removesuffix(SUFFIX))
    for folder in path.parents:
        if folder.name.endswith(SUFFIX) and folder.name != SUFFIX:
            yield folder.with_name(folder.name.removesuffix(SUFFIX)) / path.relative_to(folder)


def _means_folder(output: str) -> bool:
    return output.endswith(("/", os.sep)) or Path(output).is_dir()


def _beside(path: Path, left_out: list[tuple[Path, str]]) -> list[tuple[Path, Path]]:
    if is_pipe(path):
        raise ValueError(f"{path}: a pipe, which has no place beside it; name the output file with -o")
    if path.is_dir():
        folder = path.resolve()
        return _tree(path, folder.with_name(folder.name + SUFFIX), left_out)
    return [(path, path.with_stem(path.stem + SUFFIX))]


def _into(output: Path, path: Path, left_out: list[tuple[Path, str]]) -> list[tuple[Path, Path]]:
    if is_pipe(path):
        raise ValueError(f"{path}: a pipe, which has no name; enhance it alone, with -o and the name of a file")
    return _tree(path, output, left_out) if path.is_dir() else [(path, output / path.name)]


def _tree(folder: Path, output: Path, left_out: list[tuple[Path, str]]) -> list[tuple[Path, Path]]:
    # Results of an earlier run may lie inside the folder (`undin enhance . -o enhanced`): they are no inputs.
    earlier = output.resolve()
    found = search(folder, media_left_out=None if media.is_there() else NEEDS_MEDIA)
    left_out += found.left_out
    inputs = [path for path in found.audio if not path.resolve().is_relative_to(earlier)]
    if not inputs:
        others = f", but {len(found.left_out)} files that were left out" if found.left_out else ""
        reasons = f" ({found.left_out[0][0].name}: {found.left_out[0][1]})" if found.left_out else ""
        raise ValueError(f"{folder}: no audio files in this folder{others}{reasons}")
    return [(path, output / path.relative_to(folder)) for path in _without_own(inputs, left_out)]


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
