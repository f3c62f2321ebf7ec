"""Which files a corpus has, and the name of each below the destination."""

import csv
import io
import json
import os
from pathlib import Path

from undin.batch.work import File, Row
from undin.io import places

MANIFESTS = {".txt", ".csv", ".jsonl", ".parquet"}
PATH_KEYS = ("path", "audio_filepath", "wav", "audio")
"""Columns of manifests that name a file, as undin, NeMo, SpeechBrain and Hugging Face call them."""

UNKNOWN_BYTES = 2**22
"""What a file is taken for whose size nobody told: two minutes at 16 kHz."""


def find_files(source: str, *, destination: str) -> tuple[list[File], list[Row]]:
    """Return the files of a corpus, and rows for those with sound that are left out.

    Parameters
    ----------
    source : str
        A folder or a URL of one, searched at any depth, or a manifest: text with a path a line, CSV, JSON lines or
        Parquet with a column ``path`` (or ``audio_filepath``, ``wav``, ``audio``). Paths in it are relative to it.
    destination : str
        Below which outputs will lie; what lies there already is no input.

    Raises
    ------
    ValueError
        There is no audio, the manifest cannot be understood, or outputs would overwrite inputs.
    OSError
        The source cannot be read.
    """
    source, destination = places.absolute(source), places.absolute(destination)
    if Path(source).suffix.lower() in MANIFESTS:
        files, left_out = _in_manifest(source), []
    else:
        audio_files, others = places.find_audio(source)
        files = [File(places.join(source, name), name, size) for name, size in audio_files]
        left_out = [Row(places.join(source, name), error=f"left out: {reason}") for name, reason in others]
    if not places.is_remote(destination):
        own = os.path.realpath(destination)
        inputs = {file.path: os.path.realpath(file.path) for file in files if not places.is_remote(file.path)}
        if os.path.realpath(source) != own:
            files = [file for file in files if not inputs.get(file.path, "").startswith(own + os.sep)]
        there = set(inputs.values())
    else:
        own, there = destination, {file.path for file in files}
    for file in files:
        if (output := places.join(own, file.name)) in there:
            raise ValueError(f"{output}: would overwrite an input; name another destination than {destination}")
    if not files:
        raise ValueError(f"{source}: no audio files there" + (f", {left_out[0].error}" if left_out else ""))
    return files, left_out


def _in_manifest(manifest: str) -> list[File]:
    suffix = Path(manifest).suffix.lower()
    data = places.read_bytes(manifest)
    try:
        if suffix == ".parquet":
            import pyarrow.parquet

            rows = pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist()
        elif suffix == ".csv":
            rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
        elif suffix == ".jsonl":
            rows = [json.loads(line) for line in data.decode().splitlines() if line.strip()]
        else:
            rows = [{"path": line} for line in os.fsdecode(data).splitlines() if line.strip()]
    except ModuleNotFoundError:
        raise
    except Exception as error:
        raise ValueError(f"{manifest}: no manifest that can be read ({error})") from error
    folder = manifest.rpartition("/")[0] if places.is_remote(manifest) else os.path.dirname(os.path.abspath(manifest))
    found = {}
    for number, row in enumerate(rows, 1):
        path = next((row[key] for key in PATH_KEYS if isinstance(row, dict) and isinstance(row.get(key), str)), None)
        if not path:
            raise ValueError(f"{manifest}: entry {number} has no {', '.join(PATH_KEYS[:-1])} or {PATH_KEYS[-1]}")
        whole = places.is_remote(path) or os.path.isabs(path)
        place = path if whole else places.join(folder, path)
        root, name = places.below_root(folder), places.below_root(place)
        same = places.is_remote(place) == places.is_remote(folder)
        found[place] = File(place, name.removeprefix(root + "/") if same else name, _size_bytes(place))
    return list(found.values())


def _size_bytes(place: str) -> int:
    """Of a file here; that of another machine is not worth a question a file."""
    try:
        return UNKNOWN_BYTES if places.is_remote(place) else os.stat(place).st_size
    except OSError:  # it is told of when it is its turn
        return 0
