"""All files of a corpus: handed out, noted in a journal, asked for again where they were lost, told of in a table."""

import csv
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from typing import Any

from undin.batch.work import Enhance, File, Row
from undin.cluster import ROUNDS, Engine, Tell, in_rounds
from undin.io import places
from undin.io.journal import Journal
from undin.model.loading import DEFAULT, FULL_BAND, find

OWN_FOLDER = ".undin"
"""In the destination: the journal, and the settings that made it."""

BLOCK_BYTES = 2**26
"""Of files that go out together at the most: half an hour at 16 kHz, which is seconds of work."""


def enhance_all(
    files: Sequence[File],
    work: Enhance,
    *,
    engine: Engine,
    left_out: Sequence[Row] = (),
    on_left: Callable[[int], None] = lambda count: None,
    on_rows: Callable[[list[dict[str, Any]]], None] = lambda rows: None,
    on_seconds: Tell = lambda seconds: None,
) -> list[dict[str, Any]]:
    """Enhance all files that are not done yet; return the rows of all that the destination has ever been given.

    Parameters
    ----------
    files, left_out
        As `find_files` gives them.
    work : Enhance
    engine : Engine
    on_left : callable
        Told how many files are not done yet.
    on_rows : callable
        Told the rows of each block, for whoever shows how far it is.
    on_seconds : callable
        Told how many more seconds of audio are done, also from within long files; processes tell, Ray does not.

    Returns
    -------
    list of dict
        `Row` as dicts, by path and start. Those with an `error` failed and are tried again by the next run.

    Raises
    ------
    ValueError
        The destination holds what other settings made.
    OSError
        The journal cannot be written.
    """
    folder = places.join(work.destination, OWN_FOLDER)
    _keep_settings(work, folder)
    journal = Journal(folder, key=lambda entry: entry["path"], is_done=lambda entry: not entry["rows"][-1]["error"])
    left = {file.path: file for file in files if file.path not in journal.done}
    on_left(len(left))
    try:
        for entries in in_rounds(engine, work, left, key=lambda entry: entry["path"], pack=_blocks, tell=on_seconds):
            journal.add(entries)
            on_rows([row for entry in entries for row in entry["rows"]])
        lost = f"its process ended {ROUNDS} times without an answer, perhaps for want of memory"
        entries = [{"path": path, "rows": [asdict(Row(path, error=lost))]} for path in left]
        on_rows([row for entry in entries for row in entry["rows"]])
        journal.add([*entries, *({"path": row.path, "rows": [asdict(row)]} for row in left_out)])
    finally:
        journal.save()
    return [row for entry in journal.entries(order=lambda entry: entry["path"]) for row in entry["rows"]]


def _blocks(files: Iterable[File], most: int) -> Iterator[list[File]]:
    """Files together where they are small, `most` at the most."""
    block: list[File] = []
    size_bytes = 0
    for file in files:
        if block and (len(block) == most or size_bytes + file.size_bytes > BLOCK_BYTES):
            yield block
            block, size_bytes = [], 0
        block.append(file)
        size_bytes += file.size_bytes
    if block:
        yield block


def _keep_settings(work: Enhance, folder: str) -> None:
    """Write down what makes these results; refuse to go on where other settings made what is there."""
    names = [work.settings.model] if work.settings.model else [DEFAULT, FULL_BAND]
    model = hashlib.sha256(b"".join(find(name).read_bytes() for name in names)).hexdigest()
    ours = asdict(work.settings) | {"model": model, "dnsmos": work.dnsmos, "piece_seconds": work.piece_seconds}
    place = places.join(folder, "settings.json")
    if not places.exists(place):
        places.write_bytes(place, json.dumps(ours, indent=1).encode())
        return
    theirs = json.loads(places.read_bytes(place))
    if changed := [name for name in ours if ours[name] != theirs.get(name)]:
        raise ValueError(
            f"{work.destination} holds what was made with other settings ({', '.join(changed)}): "
            "name another destination, or give the settings of before"
        )


def write_table(place: str, rows: Iterable[dict[str, Any]]) -> None:
    """Write rows as one Parquet table, or as CSV where the name ends in ``.csv``; the columns are those of `Row`.

    Raises
    ------
    ModuleNotFoundError
        Parquet is written by pyarrow: the extra ``batch`` brings it.
    OSError
        The place cannot be written.
    """
    rows = [{name: _text(value) if isinstance(value, str) else value for name, value in row.items()} for row in rows]
    if place.endswith(".csv"):
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, [field.name for field in fields(Row)])
        writer.writeheader()
        writer.writerows(rows)
        places.write_bytes(place, text.getvalue().encode())
        return
    import pyarrow
    import pyarrow.parquet

    types = {"str": pyarrow.string(), "float": pyarrow.float64(), "int": pyarrow.int64()}
    schema = pyarrow.schema([(field.name, types[_plain_type(field.type)]) for field in fields(Row)])
    data = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema), data)
    places.write_bytes(place, data.getvalue())


def _plain_type(hint: Any) -> str:
    return str(getattr(hint, "__name__", hint)).partition(" ")[0]


def _text(value: str) -> str:
    """A text that every table holds: names of files may be any bytes."""
    return os.fsencode(value).decode("utf-8", "backslashreplace")
