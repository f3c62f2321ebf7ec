"""A corpus laid end to end as a tape: segments begin anywhere and read on across the borders of files.

Reading on is what makes short files usable and every read one copy: no padding, no looping. Starts are drawn with numpy
from the caller's generator, so that they are the same on every device; samples are gathered on the corpus's device.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from undin.data.corpus import FULL_SCALE, Corpus
from undin.data.level import MARGIN_DB, SILENCE_POWER, frame_length, frame_power

CANDIDATES = 4
"""Starts that are drawn for each segment: the first with enough sound is taken, else the one with the most."""
MIN_OF_MOST = 0.5
"""Of the sound of a file's fullest segment: a start with less, and too little besides, is moved within its file."""


class Tape:
    """Segments of one length drawn from a corpus.

    How often a segment starts in which file is a matter of `weights`, of `file_weights` where nothing is said. Within a
    file every sample is as likely.

    Parameters
    ----------
    corpus
        Where the samples come from; they stay on its device.
    segment_samples
        Length of a segment.
    lead_samples, tail_samples
        What is read before and after each segment, for filters that need a past (and a little future).
    weights : ndarray, shape (files,)
        Of each file, as `file_weights` gives them.
    min_active_share
        The share of a segment's frames that shall hold sound.
    most_samples
        The most that `read` will be asked for; by default a segment with its lead and tail.
    """

    def __init__(
        self,
        corpus: Corpus,
        *,
        segment_samples: int,
        lead_samples: int,
        tail_samples: int,
        weights: np.ndarray,
        min_active_share: float,
        most_samples: int = 0,
    ):
        self.segment_samples, self.lead_samples = segment_samples, lead_samples
        self.min_active_share = min_active_share
        self.frame = frame_length(corpus.sample_rate)
        self.read_samples = lead_samples + segment_samples + tail_samples
        self.most_samples = max(most_samples, self.read_samples)
        self.first_start = self._lead(self.most_samples)
        starts, lengths = corpus.starts.cpu().numpy(), corpus.lengths.cpu().numpy()
        self.file_starts, self.names = starts, corpus.names
        active = np.concatenate([[0], np.cumsum(_active_frames(corpus, starts))])
        self.samples, self.active_before = corpus.samples, active
        self.corpus_samples = len(corpus.samples)
        if self.corpus_samples < 2 * self.most_samples:  # too short to read from
            times = 1 + -(-self.most_samples // self.corpus_samples)
            self.samples = corpus.samples.repeat(times)
            # of whole frames, so that a little is missing at each end
            again = np.resize(np.diff(active), len(self.samples) // self.frame)
            self.active_before = np.concatenate([[0], np.cumsum(again)])
        self.stop_start = self.first_start + len(self.samples) - self.most_samples + 1
        self.file_lengths = lengths
        self.file_cdf = np.cumsum(weights) / weights.sum()

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """First samples of random segments, int64, of `shape`."""
        pick, place = generator.random((2, *shape, CANDIDATES))
        file = np.searchsorted(self.file_cdf, pick, side="right").clip(max=len(self.file_cdf) - 1)
        starts = self.file_starts[file] + (place * self.file_lengths[file]).astype(np.int64)
        # what is read must lie on the tape: starts too near its ends are moved, each to another place
        starts = self.first_start + (starts - self.first_start) % (self.stop_start - self.first_start)
        share = self._active_share(starts)
        # argmax finds the first of equal values: every share that suffices counts the same
        best = np.minimum(share, self.min_active_share).argmax(-1)[..., None]
        start, share, place = (np.take_along_axis(of, best, -1)[..., 0] for of in (starts, share, place))
        for item in zip(*np.nonzero(share < self.min_active_share), strict=True):
            start[item] = self._with_sound(start[item], share[item], place[item])
        return start

    def _with_sound(self, start: int, share: float, place: float) -> int:
        """`start` itself, or one with sound in the same file by a number of chance, where it lies in a long silence."""
        file, copy = self.file_at(np.array(start)), start // self.corpus_samples * self.corpus_samples
        of_file = copy + self.file_starts[file], copy + self.file_starts[file] + self.file_lengths[file]
        for first, stop in (of_file, (0, len(self.samples))):
            starts = np.arange(max(first, self.first_start), min(stop, self.stop_start), self.frame)
            shares = self._active_share(starts)
            if most := shares.max(initial=0):
                enough = shares >= min(self.min_active_share, MIN_OF_MOST * most)
                return start if share >= shares[enough].min() else starts[enough][int(place * enough.sum())]
        return start

    def read(self, starts: np.ndarray, *, samples: int | None = None) -> Tensor:
        """The segments that begin at `starts`, each with its lead and tail.

        Parameters
        ----------
        starts
            As `draw` gives them, of any shape.
        samples
            More or less than a segment with its lead and tail, for one that shall be played at another speed: all three
            parts are longer or shorter in proportion.

        Returns
        -------
        Tensor, shape (*starts.shape, samples), float32, [−1, 1]
        """
        samples = samples or self.read_samples
        first = torch.from_numpy(starts - self._lead(samples)).to(self.samples.device)
        return self.samples.unfold(0, samples, 1)[first] / FULL_SCALE

    def file_at(self, starts: np.ndarray) -> np.ndarray:
        """The numbers of the files in which segments begin."""
        return np.searchsorted(self.file_starts, starts % self.corpus_samples, side="right") - 1

    def names_of(self, start: int, *, samples: int) -> list[str]:
        """The files of which a segment that begins at `start` has some of its samples."""
        first, last = self.file_at(np.array([start, start + samples - 1]))
        several = range(first, last + 1) if last >= first else [*range(first, len(self.names)), *range(last + 1)]
        return [self.names[number] for number in several]

    def _lead(self, samples: int) -> int:
        return self.lead_samples * samples // self.read_samples

    def _active_share(self, starts: np.ndarray) -> np.ndarray:
        frames = np.stack([starts, starts + self.segment_samples]) // self.frame
        before = self.active_before[frames.clip(max=len(self.active_before) - 1)]
        return (before[1] - before[0]) * self.frame / self.segment_samples


class Tapes:
    """Several tapes as one, their starts counted on from tape to tape.

    Parameters
    ----------
    tapes : sequence of Tape
        Of segments of one length.
    shares : sequence of float
        How often a segment starts in each; their sum is 1.
    """

    def __init__(self, tapes: Sequence[Tape], shares: Sequence[float]):
        self.tapes = tapes
        self.cdf = np.cumsum(shares)
        self.origins = np.cumsum([0, *(len(tape.samples) for tape in tapes[:-1])])
        self.files = np.cumsum([0, *(len(tape.names) for tape in tapes[:-1])])
        self.first_start = tapes[0].first_start

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """As `Tape.draw`."""
        which = np.searchsorted(self.cdf, generator.random(shape), side="right").clip(max=len(self.tapes) - 1)
        starts = [origin + tape.draw(generator, shape) for origin, tape in zip(self.origins, self.tapes, strict=True)]
        return np.choose(which, starts)

    def read(self, starts: np.ndarray, *, samples: int | None = None) -> Tensor:
        """As `Tape.read`."""
        which = self._tape_at(starts)
        found = np.unique(which)
        if len(found) == 1:
            return self.tapes[found[0]].read(starts - self.origins[found[0]], samples=samples)
        shape = (*starts.shape, samples or self.tapes[0].read_samples)
        audio = torch.empty(shape, device=self.tapes[0].samples.device)
        for number in found:
            rows = np.nonzero(which == number)
            part = self.tapes[number].read(starts[rows] - self.origins[number], samples=samples)
            audio[tuple(torch.from_numpy(index).to(audio.device) for index in rows)] = part
        return audio

    def file_at(self, starts: np.ndarray) -> np.ndarray:
        """The numbers of the files in which segments begin, counted on from tape to tape."""
        which = self._tape_at(starts)
        files = [tape.file_at(starts - origin) for origin, tape in zip(self.origins, self.tapes, strict=True)]
        return self.files[which] + np.choose(which, files)

    def names_of(self, start: int, *, samples: int) -> list[str]:
        """As `Tape.names_of`."""
        number = self._tape_at(np.array(start))
        return self.tapes[number].names_of(start - self.origins[number], samples=samples)

    def _tape_at(self, starts: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.origins, starts, side="right") - 1


def _active_frames(corpus: Corpus, starts: np.ndarray) -> np.ndarray:
    """Which frames of the whole corpus hold sound: at most 15.9 dB below the active level of their file (P.56)."""
    frame = frame_length(corpus.sample_rate)
    # as many samples as stay in a processor's cache: twice as fast as chunks of megabytes
    chunks = corpus.samples.split(frame * 500)
    power = torch.cat(
        [frame_power(chunk / FULL_SCALE, sample_rate=corpus.sample_rate) for chunk in chunks if len(chunk) >= frame]
        or [torch.ones(1)]
    )
    power = power.double().cpu().numpy()
    file = np.searchsorted(starts, np.arange(len(power)) * frame, side="right") - 1
    active = power > SILENCE_POWER
    for _ in range(4):
        level = np.bincount(file, power * active, len(starts)) / np.bincount(file, active, len(starts)).clip(min=1)
        active = (power > SILENCE_POWER) & (power >= level[file] * 10 ** (-MARGIN_DB / 10))
    return active
