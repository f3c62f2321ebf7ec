"""What is done to one file of a corpus, and the row that tells of it."""

import os
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np

from undin.batch.pieces import cut
from undin.batch.rating import Rating
from undin.cluster import Tell
from undin.io import audio, places
from undin.io.errors import sentence
from undin.model.loading import Model, load_once
from undin.recording import Levels, Settings, Tally, enhance_file, enhance_pairs, open_stream


@dataclass(frozen=True)
class File:
    """A file of a corpus: where it is, its name below the destination, and about how large it is."""

    path: str
    name: str
    size_bytes: int


@dataclass(frozen=True)
class Row:
    """What became of a file, or of a piece of it: a row of the table.

    Attributes
    ----------
    path, output : str
        Where it was read and, None after an error, where the result is.
    start_seconds, seconds : float
        Where in the recording this piece begins (0 unless it was cut), and its length.
    sample_rate, channels : int
    level_dbfs, peak_dbfs : float
        Of the input: root mean square over all channels, and, of the whole recording, the peak; −inf for silence.
    enhanced_dbfs, removed_dbfs : float
        Root mean square of the output, and of what was taken away, the input minus the output.
    noisy_dnsmos_sig … enhanced_dnsmos_ovrl : float
        DNSMOS P.835 before and after, where asked for; None without signal.
    warnings, error : str
        What was odd about it, and why it failed.
    """

    path: str
    output: str | None = None
    start_seconds: float | None = None
    seconds: float | None = None
    sample_rate: int | None = None
    channels: int | None = None
    level_dbfs: float | None = None
    peak_dbfs: float | None = None
    enhanced_dbfs: float | None = None
    removed_dbfs: float | None = None
    noisy_dnsmos_sig: float | None = None
    noisy_dnsmos_bak: float | None = None
    noisy_dnsmos_ovrl: float | None = None
    enhanced_dnsmos_sig: float | None = None
    enhanced_dnsmos_bak: float | None = None
    enhanced_dnsmos_ovrl: float | None = None
    warnings: str | None = None
    error: str | None = None


class Enhance:
    """What is done to a file of a corpus: a `Work` that gives its rows and never raises for what is wrong with it.

    Parameters
    ----------
    destination : str
        Folder or URL below which results go, under the names of their files.
    settings : Settings
    dnsmos : bool
        Whether to rate each file before and after.
    piece_seconds : float, optional
        Cut recordings into pieces of at most this length, each where it is quietest in the last quarter; all pieces
        are of one stream, so that laid end to end they are the recording that would not have been cut.
    """

    def __init__(
        self, destination: str, settings: Settings, *, dnsmos: bool = False, piece_seconds: float | None = None
    ):
        self.destination, self.settings = places.absolute(destination), settings
        self.dnsmos, self.piece_seconds = dnsmos, piece_seconds

    def __call__(self, file: File, tell: Tell) -> dict[str, Any]:
        """Enhance one file; return an entry of the journal, its path and rows."""
        try:
            rows = self._pieces(file, tell) if self.piece_seconds else self._whole(file, tell)
        except InterruptedError:
            raise
        except Exception as error:  # whatever is wrong with one file of millions is said in its row
            reason = sentence(error) if isinstance(error, ValueError | OSError) else f"{type(error).__name__}: {error}"
            rows = [Row(file.path, error=reason or type(error).__name__)]
        return {"path": file.path, "rows": [asdict(row) for row in rows]}

    def _model(self) -> Model | None:
        return load_once(self.settings.model) if self.settings.model else None

    def _whole(self, file: File, tell: Tell) -> list[Row]:
        place = places.join(self.destination, file.name)
        rating = Rating() if self.dnsmos else None
        with places.fetched(file.path) as source, places.put(place) as output:
            report = enhance_file(
                source,
                output,
                model=self._model(),
                settings=self.settings,
                on_seconds=tell,
                on_pair=rating.add if rating else None,
            )
        row = Row(
            file.path,
            file.name,
            start_seconds=0.0,
            seconds=report.audio_seconds,
            sample_rate=report.sample_rate,
            channels=report.channels,
            level_dbfs=report.level_dbfs,
            peak_dbfs=report.peak_dbfs,
            enhanced_dbfs=report.enhanced_dbfs,
            removed_dbfs=report.removed_dbfs,
            warnings="; ".join(report.warnings) or None,
        )
        return [replace(row, **rating.scores()) if rating else row]

    def _pieces(self, file: File, tell: Tell) -> list[Row]:
        stem, suffix = os.path.splitext(file.name)
        rows: list[Row] = []
        tally = Tally()
        with places.fetched(file.path) as source, audio.open_reader(source) as reader:
            info = audio.output_info(file.name, source=source, source_info=reader.info)
            info = replace(info, quality=self.settings.quality, length_samples=None)
            stream = open_stream(reader, self._model(), self.settings)
            scale, rate = np.float32(self.settings.full_scale), stream.sample_rate
            pairs = enhance_pairs(
                reader.blocks(audio.BLOCK_SAMPLES), stream=stream, tally=tally, full_scale=self.settings.full_scale
            )
            try:
                for number, piece in groupby(cut(pairs, rate=rate, seconds=self.piece_seconds), lambda part: part[0]):
                    name = f"{stem}-{number:04d}{suffix}"
                    levels, rating = Levels(), Rating() if self.dnsmos else None
                    with (
                        places.put(places.join(self.destination, name)) as output,
                        audio.open_writer(output, info) as write,
                    ):
                        for _, noisy, enhanced in piece:
                            levels.add(noisy, enhanced)
                            if rating:
                                rating.add(noisy, enhanced, rate)
                            write(enhanced * scale)
                            tell(len(enhanced) / rate)
                    row = Row(
                        file.path,
                        name,
                        start_seconds=sum(before.seconds for before in rows),
                        seconds=levels.length_samples / rate,
                        sample_rate=rate,
                        channels=stream.channels,
                        level_dbfs=levels.input_dbfs,
                        enhanced_dbfs=levels.enhanced_dbfs,
                        removed_dbfs=levels.removed_dbfs,
                    )
                    rows.append(replace(row, **rating.scores()) if rating else row)
            except Exception:
                for row in rows:  # pieces of what is damaged further on are no result
                    places.remove(places.join(self.destination, row.output))
                raise
        notes = "; ".join(reader.notes) or None
        return [replace(row, peak_dbfs=tally.peak_dbfs, warnings=notes) for row in rows]
