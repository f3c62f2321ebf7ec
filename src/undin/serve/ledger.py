"""What all workers of a server count, in memory that they share: each writes its own row, whoever asks reads all."""

import os
from multiprocessing import get_context

import numpy as np
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from undin.io.processes import runs
from undin.serve.limits import KINDS

LATE_SECONDS = (0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.1, 0.2, 0.5, 1.0, float("inf"))
"""Upper edges of the histogram of how long answers take."""

GAUGES = ("pid", "streams", "load", "uploads", "capacity")
COUNTERS = ("opened", "packets", "audio_seconds", "processing_seconds", "answer_seconds", "recordings")
FIELDS = (*GAUGES, *COUNTERS, *(f"refused {code}" for code in KINDS), *(f"late {edge}" for edge in LATE_SECONDS))
PLACE = {name: index for index, name in enumerate(FIELDS)}
FIRST_LATE = PLACE[f"late {LATE_SECONDS[0]}"]


class Ledger:
    """A table of a row a worker. It may be sent to a process that is being started, and nowhere else."""

    def __init__(self, workers: int):
        context = get_context("spawn")  # as uvicorn starts its workers
        self._lock, self._memory = context.Lock(), context.RawArray("d", workers * len(FIELDS))

    @property
    def rows(self) -> np.ndarray:
        """All rows, (workers, fields)."""
        return np.frombuffer(self._memory, np.float64).reshape(-1, len(FIELDS))

    def take_row(self) -> np.ndarray:
        """A row for this process: a fresh one, or that of a worker that is gone, whose counts go on.

        Raises
        ------
        RuntimeError
            All rows belong to processes that live.
        """
        with self._lock:
            for row in self.rows:
                if not row[PLACE["pid"]] or not runs(int(row[PLACE["pid"]])):
                    row[: len(GAUGES)] = 0
                    row[PLACE["pid"]] = os.getpid()
                    return row
        raise RuntimeError("more workers than rows of their ledger")

    def admit(self, row: np.ndarray, *, load: float, most: float) -> bool:
        """Count a voice in, if all of them together are no more than `most` then."""
        with self._lock:
            if self.rows[:, PLACE["load"]].sum() + load > most:
                return False
            row[PLACE["load"]] += load
            row[PLACE["streams"]] += 1
            row[PLACE["opened"]] += 1
        return True

    def let_go(self, row: np.ndarray, *, load: float) -> None:
        """Count it out again."""
        with self._lock:
            row[PLACE["streams"]] -= 1
            row[PLACE["load"]] = 0 if not row[PLACE["streams"]] else row[PLACE["load"]] - load  # no errors add up

    def collect(self):
        """What Prometheus asks for."""
        total = dict(zip(FIELDS, self.rows.sum(0), strict=True))
        yield GaugeMetricFamily("undin_streams", "Voices at the moment.", value=total["streams"])
        yield GaugeMetricFamily("undin_uploads", "Recordings at the moment.", value=total["uploads"])
        capacity = self.rows[:, PLACE["capacity"]].max()
        share = total["load"] / capacity
        yield GaugeMetricFamily("undin_capacity", "Voices of the default model that are kept in time.", value=capacity)
        yield GaugeMetricFamily("undin_load_ratio", "Share of the capacity that is taken.", value=share)
        for name, told in {
            "opened": ("undin_streams_opened", "Voices that were let in."),
            "recordings": ("undin_recordings", "Recordings that were enhanced to their end."),
            "packets": ("undin_packets", "Blocks of samples that were answered."),
            "audio_seconds": ("undin_audio_seconds", "Sound that was enhanced for voices."),
            "processing_seconds": ("undin_processing_seconds", "Processor time of the threads that enhanced it."),
        }.items():
            yield CounterMetricFamily(*told, value=total[name])
        factor = total["processing_seconds"] / max(total["audio_seconds"], 1e-9)
        yield GaugeMetricFamily("undin_real_time_factor", "Processor time by length of sound, since the start.", factor)
        refused = CounterMetricFamily("undin_refusals", "Clients that were told no.", labels=["code"])
        for code in KINDS:
            refused.add_metric([code], total[f"refused {code}"])
        yield refused
        counts = np.cumsum([total[f"late {edge}"] for edge in LATE_SECONDS])
        edges = ["+Inf" if edge == np.inf else str(edge) for edge in LATE_SECONDS]
        late = HistogramMetricFamily("undin_answer_seconds", "From a block's arrival to its answer, latency apart.")
        late.add_metric([], list(zip(edges, counts, strict=True)), total["answer_seconds"])
        yield late
