"""Training batches made on the fly: clean speech and noise in, pairs of noisy and clean segments out.

A batch is a pure function of (seed, step). `Mixer.draw` takes every random decision for the whole batch with numpy and
reads no sample; `Mixer.mix` turns any rows of such a draw into audio with torch, without any chance left. So a resumed
run goes on bit for bit, two processes make together what one would, and a frozen set can say how each item was made.

Filters of every kind (equaliser, band limits, rooms) are one product in the frequency domain. Segments are read with
what lies before them on the tape, so the circular convolution is exact where it counts and reverberation is there from
the first sample. What shall be played faster is read longer and loses the upper bins of its longer transform, which
resamples it without aliasing; what shall be played slower is read shorter. Read on in `mixing_config.py` (the
numbers), `sources.py` (what is heard), `tape.py` (segments), `rooms.py` (impulse responses).
"""

import dataclasses
from functools import partial

import numpy as np
import torch
from torch import Tensor

from undin.data.bandwidth import FULL_BAND, bandwidth_hz
from undin.data.corpus import Corpus
from undin.data.filters import Equaliser, band_limit_gains
from undin.data.gaps import UNIT_MS, gate, switched
from undin.data.level import FRAME_MS, SILENCE_POWER, active_power, frame_length, to_amplitude
from undin.data.mixing_config import MixingConfig
from undin.data.rooms import measured_bank, room_bank
from undin.data.sources import Source, coloured_sources, noise_sources, speech_sources
from undin.data.tape import Tape, Tapes

GUARD_MS = 20.0
"""Read after each segment and thrown away: the equaliser is zero phase, so its short response reaches back as well."""

SPEEDS = 8
"""How many speeds are taken from a range: few, since rows of one speed share a transform."""


@dataclasses.dataclass(frozen=True)
class Draw:
    """Every random decision of a batch: numpy arrays, the first axis is the batch; NaN or −1 where a thing is left out.

    A slice or a mask of a draw gives the draw of these rows.
    """

    clean: np.ndarray  # bool: noisy equals clean
    noise_alone: np.ndarray  # bool: clean is zeros
    speech_level_dbfs: np.ndarray
    snr_db: np.ndarray
    speech_start: np.ndarray  # first sample in the speech corpus
    noise_start: np.ndarray  # first sample in the noise corpus
    second_noise_start: np.ndarray
    second_noise_db: np.ndarray  # relative to the first noise, as the next ones; NaN: none
    babble_starts: np.ndarray  # (B, talkers); -1: nobody
    babble_db: np.ndarray
    coloured_noise_start: np.ndarray
    coloured_noise_db: np.ndarray
    speech_equaliser_db: np.ndarray  # (B, points)
    noise_equaliser_db: np.ndarray
    low_pass_hz: np.ndarray
    high_pass_hz: np.ndarray
    room: np.ndarray  # index into the bank; -1: none
    clipping_db: np.ndarray  # threshold below the peak of the mixture
    speech_read_samples: np.ndarray  # what is read to become one segment with its lead: the more, the faster it plays
    noise_read_samples: np.ndarray
    heard: np.ndarray  # (B, units of 10 ms), bool: not zeros
    heard_from: np.ndarray  # samples into the first unit at which the segment begins
    gate_db: np.ndarray  # below the mean power of speech; NaN: no gate
    gate_hold_frames: np.ndarray

    def __getitem__(self, rows: slice | np.ndarray) -> "Draw":
        return Draw(**{field.name: getattr(self, field.name)[rows] for field in dataclasses.fields(self)})


class Mixer:
    """Mixes batches of segments of one length.

    Parameters
    ----------
    speech, noise : Corpus
        Both at `sample_rate`. A folder of speech is taken as one voice.
    config : MixingConfig
        Every probability and range.
    sample_rate : int
        Hz.
    segment_samples : int
        N, the length of every segment.
    seed : int
        Another seed gives other batches, rooms and made sounds.
    measured_rooms : Corpus, optional
        Impulse responses that stand beside the simulated ones.
    device
        Where the audio is mixed; both corpora are moved there.
    """

    def __init__(
        self,
        speech: Corpus,
        noise: Corpus,
        config: MixingConfig,
        *,
        sample_rate: int,
        segment_samples: int,
        seed: int,
        measured_rooms: Corpus | None = None,
        device: torch.device | str = "cpu",
    ):
        for name, corpus in (("speech", speech), ("noise", noise)):
            if corpus.sample_rate != sample_rate:
                raise ValueError(
                    f"the {name} corpus has {corpus.sample_rate} Hz but the mixer {sample_rate} Hz; load it so"
                )
        if segment_samples < frame_length(sample_rate):
            raise ValueError(
                f"segments of {segment_samples} samples are shorter than {FRAME_MS:g} ms; take longer ones"
            )
        self.config, self.sample_rate, self.segment_samples = config, sample_rate, segment_samples
        self.seed, self.device = seed, torch.device(device)
        self.unit = round(UNIT_MS * sample_rate / 1000)
        self.rooms = room_bank(
            config.rooms, rt60_s=config.room_rt60_s, early_ms=config.early_ms, sample_rate=sample_rate, seed=seed
        )
        if measured_rooms:
            samples = self.rooms.late.shape[1]
            self.rooms = self.rooms.joined(measured_bank(measured_rooms, samples=samples, early_ms=config.early_ms))
        self.responses = torch.stack([self.rooms.early, self.rooms.late], dim=1).to(device)
        guard = round(GUARD_MS * sample_rate / 1000)
        response = self.responses.shape[-1] if config.room_probability else guard
        self.n_fft = _fast_length(response + segment_samples + guard)
        self.lead = self.n_fft - segment_samples - guard
        self.speech_read_samples = self._read_samples_at(config.speech_speed, config.speech_speed_probability)
        self.noise_read_samples = self._read_samples_at(config.noise_speed, config.noise_speed_probability)

        def tapes(sources: list[Source]) -> Tapes:
            tape = partial(
                Tape,
                segment_samples=segment_samples,
                lead_samples=self.lead,
                tail_samples=guard,
                min_active_share=config.min_active_share,
                most_samples=max(self.speech_read_samples + self.noise_read_samples),
            )
            each = [tape(source.corpus.to(device), weights=source.weights) for source in sources]
            return Tapes(each, [source.share for source in sources])

        voices = speech_sources(speech, config, seed=seed)
        self.speech, self.noise = tapes(voices), tapes(noise_sources(noise, config, seed=seed))
        self.coloured = tapes(coloured_sources(config, sample_rate=sample_rate, seed=seed))
        self.band_hz = None
        if config.match_speech_band:
            self.band_hz = np.concatenate([bandwidth_hz(voice.corpus) for voice in voices])
        self.equaliser = Equaliser(**self._size())
        self.speech_gains = band_limit_gains(
            np.array([np.nan]), np.array([config.speech_high_pass_hz or np.nan]), **self._size()
        )

    def batch(self, step: int, batch_size: int, part: slice = slice(None)) -> tuple[Tensor, Tensor]:
        """The rows `part` of batch number `step`.

        Returns
        -------
        noisy, clean : Tensor, shape (B, N), float32
            Full scale is 1; peaks of loud items lie above, as in streams of floats.
        """
        return self.mix(self.draw(step, batch_size)[part])

    def draw(self, step: int, batch_size: int) -> Draw:
        """Every random decision of batch number `step`; the same for the same seed, step and size."""
        config, generator = self.config, np.random.default_rng([self.seed, step])

        def chance(probability: float) -> np.ndarray:
            return generator.random(batch_size) < probability

        def uniform(low_high: tuple[float, float]) -> np.ndarray:
            return generator.uniform(*low_high, batch_size).astype(np.float32)

        def level_of_added(probability: float) -> np.ndarray:
            return np.where(chance(probability), uniform(config.added_noise_db), np.float32(np.nan))

        def read_samples(choices: list[int], probability: float) -> np.ndarray:
            return np.where(chance(probability), generator.choice(choices, batch_size), self.n_fft)

        kind = generator.random(batch_size)
        band_limited = chance(config.band_limit_probability)
        high_passed = band_limited & chance(config.high_pass_probability)
        most = config.babble_talkers[1]
        talkers = generator.integers(config.babble_talkers[0], most, batch_size, endpoint=True)
        babble_starts = self.speech.draw(generator, (batch_size, most))
        return Draw(
            clean=kind < config.clean_probability,
            noise_alone=(kind >= config.clean_probability)
            & (kind < config.clean_probability + config.noise_alone_probability),
            speech_level_dbfs=uniform(config.speech_level_dbfs),
            snr_db=uniform(config.snr_db),
            speech_start=self.speech.draw(generator, (batch_size,)),
            noise_start=self.noise.draw(generator, (batch_size,)),
            second_noise_start=self.noise.draw(generator, (batch_size,)),
            second_noise_db=level_of_added(config.second_noise_probability),
            babble_starts=np.where(np.arange(most) < talkers[:, None], babble_starts, -1),
            babble_db=level_of_added(config.babble_probability),
            coloured_noise_start=self.coloured.draw(generator, (batch_size,)),
            coloured_noise_db=level_of_added(config.coloured_noise_probability),
            speech_equaliser_db=self.equaliser.draw(generator, batch_size, config),
            noise_equaliser_db=self.equaliser.draw(generator, batch_size, config),
            low_pass_hz=np.where(band_limited, uniform(config.low_pass_hz), np.float32(np.nan)),
            high_pass_hz=np.where(high_passed, uniform(config.high_pass_hz), np.float32(np.nan)),
            room=np.where(chance(config.room_probability), self._draw_rooms(generator, batch_size), -1),
            clipping_db=np.where(chance(config.clipping_probability), uniform(config.clipping_db), np.float32(np.nan)),
            speech_read_samples=read_samples(self.speech_read_samples, config.speech_speed_probability),
            noise_read_samples=read_samples(self.noise_read_samples, config.noise_speed_probability),
            heard_from=generator.integers(self.unit, size=batch_size),
            gate_db=np.where(chance(config.gate_probability), uniform(config.gate_db), np.float32(np.nan)),
            gate_hold_frames=np.rint(uniform(config.gate_hold_ms) / FRAME_MS).astype(int),
            heard=self._draw_heard(generator, batch_size),
        )

    def mix(self, draw: Draw) -> tuple[Tensor, Tensor]:
        """The audio of a draw (or of some rows of one): noisy, clean, as `batch` gives them."""
        noisy, clean, _ = self.mix_in_parts(draw)
        return noisy, clean

    def mix_in_parts(self, draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
        """The same, and the noise alone that is in the noisy signal, before that clips."""
        clean, noise, late = self._filtered(draw)
        active = active_power(clean, sample_rate=self.sample_rate)[:, None]
        level_dbfs = draw.speech_level_dbfs
        speech_gain = self._column(to_amplitude(level_dbfs) * ~draw.noise_alone) / (active + SILENCE_POWER).sqrt()
        noise_gain = self._column(to_amplitude(level_dbfs - draw.snr_db) * ~draw.clean) / _rms(noise)
        clean = clean * speech_gain
        noisy = torch.addcmul(clean, noise, noise_gain)
        reverberant = (draw.room >= 0) & ~draw.clean
        if reverberant.any():
            rows = self._rows(reverberant)
            noisy[rows] += late[self._rows(reverberant[draw.room >= 0])] * speech_gain[rows]
        noisy = self._clip(noisy, draw.clipping_db, ~draw.clean)
        heard = self._heard(clean, draw)
        parts = noisy, clean, noise * noise_gain
        return parts if heard is None else tuple(part * heard for part in parts)

    def _draw_heard(self, generator: np.random.Generator, rows: int) -> np.ndarray:
        """Which units are heard; all of them where there are no gaps."""
        heard = np.ones((rows, 2 + self.segment_samples // self.unit), bool)
        has_gaps = np.flatnonzero(generator.random(rows) < self.config.gap_probability)
        for row in has_gaps:
            heard[row] = switched(generator, heard.shape[1])
        return heard

    def _draw_rooms(self, generator: np.random.Generator, rows: int) -> np.ndarray:
        """Simulated rooms, or by their share measured ones."""
        simulated, all_rooms = self.config.rooms, len(self.rooms.rt60_s)
        rooms = generator.integers(simulated, size=rows)
        if all_rooms == simulated:
            return rooms
        measured = generator.integers(simulated, all_rooms, size=rows)
        return np.where(generator.random(rows) < self.config.measured_room_share, measured, rooms)

    def _filtered(self, draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
        """Target and noise (B, N) at any level, and the late reflections of the rows in rooms."""
        low_pass_hz = np.fmin(draw.low_pass_hz, self._speech_band_hz(draw))
        limits = band_limit_gains(low_pass_hz, draw.high_pass_hz, **self._size())
        points_db = np.concatenate([draw.speech_equaliser_db, draw.noise_equaliser_db])
        gains = self.equaliser.gains(points_db) * torch.cat([limits * self.speech_gains, limits])
        spectra = self._spectra(draw).mul_(gains)
        in_room = draw.room >= 0
        late = spectra[:0]
        if in_room.any():
            rows = self._rows(in_room)
            responses = self.responses[torch.from_numpy(draw.room[in_room]).to(self.device)]
            spectra[rows], late = (torch.fft.rfft(responses, self.n_fft) * spectra[rows, None]).unbind(1)
        audio = torch.fft.irfft(torch.cat([spectra, late]), self.n_fft)
        return audio[:, self.lead : self.lead + self.segment_samples].split([len(in_room), len(in_room), len(late)])

    def _speech_band_hz(self, draw: Draw) -> np.ndarray:
        """Where the noise shall end as the recording of the speech does at its speed, Hz; NaN where it need not."""
        if self.band_hz is None:
            return np.full(len(draw.clean), np.float32(np.nan))
        band_hz = self.band_hz[self.speech.file_at(draw.speech_start)] * draw.speech_read_samples / self.n_fft
        return np.where(band_hz < FULL_BAND * self.sample_rate / 2, band_hz, np.nan).astype(np.float32)

    def _spectra(self, draw: Draw) -> Tensor:
        """Spectra of all speech, then of all noise, at their speeds and at any level: (2 B, n_fft // 2 + 1)."""
        spectra = torch.zeros(2 * len(draw.clean), self.n_fft // 2 + 1, dtype=torch.complex64, device=self.device)
        for samples in np.unique([draw.speech_read_samples, draw.noise_read_samples]):
            speech, noise = draw.speech_read_samples == samples, draw.noise_read_samples == samples
            audio = torch.cat(
                [self.speech.read(draw.speech_start[speech], samples=samples), self._noise(draw[noise], samples)]
            )
            # twice where it is one, since FFT libraries round a single row in another way than a row among others
            part = torch.fft.rfft(audio.expand(max(2, len(audio)), -1))[: len(audio), : spectra.shape[1]]
            spectra[self._rows(np.concatenate([speech, noise])), : part.shape[1]] = part
        return spectra

    def _noise(self, draw: Draw, samples: int) -> Tensor:
        """Recordings, babble and coloured noise, summed at their relative levels, (B, samples)."""
        noise = self.noise.read(draw.noise_start, samples=samples)
        added = (
            (draw.second_noise_db, lambda rows: self.noise.read(draw.second_noise_start[rows], samples=samples)),
            (draw.babble_db, lambda rows: self._babble(draw.babble_starts[rows], samples)),
            (draw.coloured_noise_db, lambda rows: self.coloured.read(draw.coloured_noise_start[rows], samples=samples)),
        )
        for level_db, read in added:
            chosen = ~np.isnan(level_db)
            if chosen.any():
                rows, more = self._rows(chosen), read(chosen)
                before = noise[rows]
                rms_before, rms_more = _rms(torch.stack((before, more)))
                gain = self._column(to_amplitude(level_db[chosen])) * rms_before / rms_more
                noise[rows] = torch.addcmul(before, more, gain)
        return noise

    def _babble(self, starts: np.ndarray, samples: int) -> Tensor:
        """Talkers at one level, summed; (rows, talkers) to (rows, samples)."""
        talkers = self.speech.read(starts.clip(min=self.speech.first_start), samples=samples)
        return (talkers * (self._column(starts >= 0) / _rms(talkers))).sum(1)

    def _clip(self, noisy: Tensor, clipping_db: np.ndarray, allowed: np.ndarray) -> Tensor:
        chosen = ~np.isnan(clipping_db) & allowed
        if chosen.any():
            rows = self._rows(chosen)
            threshold = noisy[rows].abs().amax(-1, keepdim=True) * self._column(to_amplitude(-clipping_db[chosen]))
            noisy[rows] = torch.maximum(torch.minimum(noisy[rows], threshold), -threshold)
        return noisy

    def _heard(self, clean: Tensor, draw: Draw) -> Tensor | None:
        """Where anything is heard, (B, N) bool; None where everything is."""
        gated = np.flatnonzero(~np.isnan(draw.gate_db) & ~draw.noise_alone)
        if draw.heard.all() and not len(gated):
            return None
        heard = torch.from_numpy(draw.heard).to(self.device).repeat_interleave(self.unit, dim=-1)
        heard = torch.stack(
            [row[first : first + clean.shape[1]] for row, first in zip(heard, draw.heard_from.tolist(), strict=True)]
        )
        for row in gated:
            heard[row] &= gate(
                clean[row],
                below_db=float(draw.gate_db[row]),
                hold_frames=int(draw.gate_hold_frames[row]),
                sample_rate=self.sample_rate,
            )
        return heard

    def _read_samples_at(self, speeds: tuple[float, float], probability: float) -> list[int]:
        """How much is read for a segment at each of a few speeds, in lengths of fast transforms."""
        if not probability:
            return [self.n_fft]
        return [_fast_length(round(self.n_fft * speed)) for speed in np.linspace(*speeds, SPEEDS)]

    def _size(self) -> dict[str, object]:
        """What gains for the bins of the long FFT need to know."""
        return {"n_fft": self.n_fft, "sample_rate": self.sample_rate, "device": self.device}

    def _rows(self, chosen: np.ndarray) -> Tensor:
        return torch.from_numpy(np.flatnonzero(chosen)).to(self.device)

    def _column(self, values: np.ndarray) -> Tensor:
        return torch.from_numpy(values.astype(np.float32)).to(self.device)[..., None]


def _rms(x: Tensor) -> Tensor:
    # everything twice, since a sum that is alone is divided among threads, which rounds in another way
    return x.square().expand(2, *x.shape).mean(-1, keepdim=True)[0].add(SILENCE_POWER).sqrt()


def _fast_length(at_least: int) -> int:
    """The smallest even length from `at_least` with no prime factor above 5, for which every FFT library is fast."""
    length = at_least
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1 and length % 2 == 0:
            return length
        length += 1
