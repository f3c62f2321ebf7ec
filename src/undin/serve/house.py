"""What all voices and uploads of a worker share: models, limits, threads, who may come in, and what is counted."""

import asyncio
import itertools
import os
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import numpy as np

from undin.model.loading import Model, default_model
from undin.serve.ledger import FIRST_LATE, LATE_SECONDS, PLACE, Ledger
from undin.serve.limits import Limits, Refusal, who
from undin.serve.pool import Pool
from undin.stream import Stream

LATE_AFTER_SECONDS = 0.03
MOST_LATE = 0.02
"""With more than this share of answers late in the last second nobody else is let in."""

FEW_STREAMS = 8
"""Of so few voices a share says nothing."""

PACKET_SECONDS = 0.02


@dataclass(frozen=True)
class Settings:
    """What `undin serve` was told; it goes to every worker.

    Attributes
    ----------
    models : tuple of str
        Names and paths of what is served; the first is taken where a client names none.
    is_by_rate : bool
        Where a client names none it gets what `Stream` takes for its rate: both are among the models.
    limits : Limits
    tokens : dict of str to str
        Names of clients by their tokens; empty where everybody may come in.
    origins : tuple of str
        Of pages that may come in without a token, beside those that this server sends; ``*`` for all.
    threads : int
        That enhance, in each worker.
    workers : int
    page : str or None
        Folder of the page at ``/``.
    """

    models: tuple[str, ...]
    is_by_rate: bool = False
    limits: Limits = field(default_factory=Limits)
    tokens: dict[str, str] = field(default_factory=dict, repr=False)
    origins: tuple[str, ...] = ()
    threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    workers: int = 1
    page: str | None = None


class House:
    """See above; lives on the event loop of a worker.

    Attributes
    ----------
    settings : Settings
    models : dict of str to Model
        By name, the default first.
    costs_seconds : dict of str to float
        Processor time that a second of one channel takes of each.
    ledger, row
        What is counted, of all workers, and by this one.
    capacity : float
        Voices of the default model that all workers keep in time.
    is_draining : bool
        The server is to end, and lets nobody in.
    """

    def __init__(self, settings: Settings, models: dict[str, Model], ledger: Ledger):
        self.settings, self.models, self.ledger = settings, models, ledger
        self.row, self.is_draining = ledger.take_row(), False
        self.pool = Pool(asyncio.get_running_loop(), threads=settings.threads, on_processed=self._processed)
        self.costs_seconds = {name: cost_seconds(model) for name, model in models.items()}
        self.capacity = float("inf")
        self.ids = itertools.count(1)
        self._late_before, self._late_share = self.row[FIRST_LATE:].copy(), 0.0
        self._watch = asyncio.get_running_loop().create_task(self._watch_lateness())

    def close(self) -> None:
        """End the threads."""
        self._watch.cancel()
        self.pool.close()

    @property
    def limits(self) -> Limits:
        """Of the settings."""
        return self.settings.limits

    @property
    def default(self) -> str:
        """Name of the model that is taken where none is named, and of which the capacity tells."""
        return next(iter(self.models))

    def default_at(self, sample_rate: int) -> str:
        """Name of the model that is taken where none is named, for signals of a rate in Hz."""
        return default_model(sample_rate) if self.settings.is_by_rate else self.default

    def set_capacity(self, voices: float) -> None:
        """Let in so many voices of the default model, in all workers, or as many of others as cost the same."""
        self.capacity = self.row[PLACE["capacity"]] = voices

    def enter(
        self,
        *,
        authorization: str | None,
        token: str | None,
        origin: str | None = None,
        host: str | None = None,
    ) -> str:
        """Name the client; a `Refusal` if it may not come in, or nobody may now.

        Without tokens a page may only if it is of this server, or of an origin that was named: else any page in a
        browser on this machine could. What is no page sends no origin.
        """
        client = who(self.settings.tokens, authorization=authorization, token=token)
        is_ours = origin is None or urlsplit(origin).netloc == host or bool({origin, "*"} & set(self.settings.origins))
        if not self.settings.tokens and not is_ours:
            raise Refusal("forbidden", "pages of this origin may not come in: --origin names those that may")
        if self.is_draining:
            raise Refusal("draining", "this server is about to end: connect again")
        return client

    def full(self) -> Refusal | None:
        """Why no other voice can come in now; None if one can."""
        if (
            self.ledger.rows[:, PLACE["load"]].sum() + min(1.0, self.load(min(self.costs_seconds.values())))
            > self.capacity
        ):
            return Refusal("busy", "this server has as many voices as it can serve: try again later, or elsewhere")
        if self._late_share > MOST_LATE and self.row[PLACE["streams"]] >= FEW_STREAMS:
            return Refusal("busy", "this server is late with the voices that it has: try again later, or elsewhere")
        return None

    def load(self, cost_seconds: float) -> float:
        """What a voice weighs, that of the default model 1; half of each is the way to it and back."""
        return (
            0.5 + 0.5 * cost_seconds / self.costs_seconds[self.default] if self.settings.limits.streams is None else 1
        )

    def admit(self, model: str, channels: int) -> float:
        """Let a voice in, and return what it weighs; `Refusal` if there is no room."""
        load = self.load(self.costs_seconds[model] * channels)
        if refusal := self.full():
            raise refusal
        if not self.ledger.admit(self.row, load=load, most=self.capacity):
            raise Refusal("busy", "this server has no room for this voice: try again later, or with a smaller model")
        return load

    def let_go(self, load: float) -> None:
        """A voice that was let in is gone."""
        self.ledger.let_go(self.row, load=load)

    def count(self, name: str, amount: float = 1) -> None:
        """Add to a counter of the ledger."""
        self.row[PLACE[name]] += amount

    def answered(self, *, packets: int, audio_seconds: float, seconds: float) -> None:
        """Count a voice's answers, and how long the first of them took."""
        row = self.row
        row[PLACE["packets"]] += packets
        row[PLACE["audio_seconds"]] += audio_seconds
        row[PLACE["answer_seconds"]] += seconds
        place = FIRST_LATE
        for edge in LATE_SECONDS:
            if seconds <= edge:
                break
            place += 1
        row[place] += 1

    def _processed(self, seconds: float) -> None:
        self.row[PLACE["processing_seconds"]] += seconds

    async def _watch_lateness(self) -> None:
        """Tell every second which share of answers came late."""
        place = LATE_SECONDS.index(LATE_AFTER_SECONDS) + 1
        while True:
            await asyncio.sleep(1)
            counts = self.row[FIRST_LATE:] - self._late_before
            self._late_before = self.row[FIRST_LATE:].copy()
            self._late_share = counts[place:].sum() / max(counts.sum(), 1)


def cost_seconds(model: Model) -> float:
    """Processor time of a second of one channel at the model's rate, in packets of 20 ms."""
    rate = model.metadata.sample_rate
    packets = np.random.default_rng(0).normal(0, 0.1, (25, round(rate * PACKET_SECONDS))).astype(np.float32)
    stream, best = Stream(rate, model=model), np.inf
    for _ in range(3):
        start = time.thread_time()
        for packet in packets:
            stream.process(packet)
        best = min(best, time.thread_time() - start)
    return float(best / (len(packets) * PACKET_SECONDS))
