"""Voices that hold a sound, made from speech: vowels kept for seconds, and sung from note to note.

Recordings of people who read hold none, and a network that has met none takes a held vowel for a hum, since neither
moves. Pitch periods of a vowel are laid end to end, to and fro at random, as many as are wanted, at any pitch and with
the formants where they were: Moulines & Charpentier, "Pitch-synchronous waveform processing techniques for
text-to-speech synthesis using diphones", Speech Communication 9, 1990. `mixing.py` reads them like recordings.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from undin.data.corpus import FULL_SCALE, Corpus
from undin.data.level import frame_length, frame_power

RECORDINGS, RECORDING_S = 64, 8
PITCH_HZ = (70.0, 420.0)
LOOK_S = 0.12
"""Of speech is looked at for a vowel: read speech has few that are longer."""
CORRELATION = 0.7
"""Least similarity of a period with the next throughout a vowel."""
TRIES = 400
"""Places that are looked at anywhere, and then among the loud ones, before a corpus counts as having no vowels."""
PHRASE_S, NOTE_S, PAUSE_S = (1.0, 8.0), (0.25, 2.5), (0.05, 0.5)
NOTES = (-5, -3, -2, 0, 0, 2, 4, 5, 7)
"""Steps of a melody, in semitones from the speaker's own pitch."""
VIBRATO_HZ, VIBRATO = (4.5, 7.0), (0.0, 0.025)
JITTER, SHIMMER = 0.006, 0.04
"""Standard deviations from period to period, of its length and of its amplitude, as of healthy voices."""
WALK = (-1, 0, 0, 1)
"""From one pitch period of the vowel to that which comes next."""
PEAK = 0.5


@dataclass(frozen=True)
class Vowel:
    """Speech (N,) of one vowel, and the samples at which its pitch periods begin."""

    audio: np.ndarray
    marks: np.ndarray


def held_speech(speech: Corpus, *, weights: np.ndarray, seed: int) -> Corpus:
    """Recordings of voices of a corpus that hold and sing.

    Parameters
    ----------
    speech
        Where the voices come from.
    weights : ndarray, shape (files,)
        How often each of its files is taken; their sum is 1.
    seed
        The same seed gives the same recordings.

    Raises
    ------
    ValueError
        There is hardly a vowel in the speech.
    """
    generator = np.random.default_rng([seed, 4])
    rate, samples = speech.sample_rate, RECORDING_S * speech.sample_rate
    sounds = np.zeros((RECORDINGS, samples))
    for sound in sounds:
        vowel, at = _find_vowel(speech, weights, generator), 0
        while at < samples:
            phrase = _phrase(vowel, generator, rate=rate)[: samples - at]
            sound[at : at + len(phrase)] = phrase
            at += len(phrase) + round(generator.uniform(*PAUSE_S) * rate)
    names = [f"held {number}" for number in range(RECORDINGS)]
    return Corpus.made(sounds, names, peak=PEAK, sample_rate=rate)


def _find_vowel(speech: Corpus, weights: np.ndarray, generator: np.random.Generator) -> Vowel:
    """Look at places of chance until one is a vowel throughout."""
    length = round(LOOK_S * speech.sample_rate)
    for attempt in range(2 * TRIES):
        file = generator.choice(len(weights), p=weights)
        room = int(speech.lengths[file]) - length
        start = int(speech.starts[file])
        if room > 0:
            # recordings may be silent for most of their time
            start += generator.integers(room) if attempt < TRIES else _loud_place(speech, file, room, generator)
        audio = speech.samples[start : start + length].cpu().numpy() / FULL_SCALE
        marks = _pitch_marks(audio, speech.sample_rate)
        if len(marks) > 4:
            return Vowel(audio, marks)
    raise ValueError(f"no vowel was found at {2 * TRIES} places of the speech; set mixing.held_speech_share to 0")


def _loud_place(speech: Corpus, file: int, room: int, generator: np.random.Generator) -> int:
    """A sample of a file, before `room`, in a frame that is louder than the file is on average."""
    start, frame = int(speech.starts[file]), frame_length(speech.sample_rate)
    power = frame_power(speech.samples[start : start + room + frame] / FULL_SCALE, sample_rate=speech.sample_rate)
    loud = np.flatnonzero((power > power.mean()).cpu().numpy())
    return min(room - 1, int(generator.choice(loud)) * frame) if len(loud) else 0


def _pitch_marks(audio: np.ndarray, rate: int) -> np.ndarray:
    """Where the pitch periods of a vowel begin; none where it is no vowel throughout."""
    shortest, longest = round(rate / PITCH_HZ[1]), round(rate / PITCH_HZ[0])
    quarters = np.array_split(audio, 4)
    power = np.array([np.mean(part**2) for part in quarters])
    if power.min() < 0.1 * power.max() or power.max() < 1e-5:
        return np.zeros(0, int)
    spectrum = np.fft.rfft(audio, 2 * len(audio))
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[: longest + 1]
    period = shortest + int(np.argmax(correlation[shortest:]))
    marks = [int(np.argmax(np.abs(audio[:period])))]
    sign = np.sign(audio[marks[0]])
    while marks[-1] + 1.25 * period + period < len(audio):
        first = marks[-1] + round(0.8 * period)
        marks.append(first + int(np.argmax(sign * audio[first : marks[-1] + round(1.25 * period)])))
    periods = [audio[mark : mark + period] for mark in marks if mark + period <= len(audio)]
    alike = [one @ next_ / np.sqrt((one @ one) * (next_ @ next_) + 1e-12) for one, next_ in itertools.pairwise(periods)]
    return np.array(marks) if alike and min(alike) > CORRELATION else np.zeros(0, int)


def _phrase(vowel: Vowel, generator: np.random.Generator, *, rate: int) -> np.ndarray:
    """The vowel held on one pitch, or sung, for some seconds, with soft ends."""
    samples = round(np.exp(generator.uniform(*np.log(PHRASE_S))) * rate)
    period = _period(vowel, generator, samples=samples, rate=rate)
    lengths = np.diff(vowel.marks)
    longest = int(lengths.max())
    phrase = np.zeros(samples + 2 * longest)
    grain, at = int(generator.integers(1, len(lengths))), 0.0
    while at < samples:
        mark, reach = vowel.marks[grain], max(lengths[grain - 1], lengths[grain])
        around = vowel.audio[max(0, mark - reach) : mark + reach]
        amplitude = 1 + SHIMMER * generator.standard_normal()
        place = round(at)
        phrase[place : place + len(around)] += amplitude * around * np.hanning(len(around))
        at += period[min(samples - 1, place)] * (1 + JITTER * generator.standard_normal())
        grain = int(np.clip(grain + generator.choice(WALK), 1, len(lengths) - 1))
    edge = round(generator.uniform(0.03, 0.2) * rate)
    fade = np.minimum(1, np.minimum(np.arange(samples) + 1, samples - np.arange(samples)) / edge)
    return phrase[:samples] * fade


def _period(vowel: Vowel, generator: np.random.Generator, *, samples: int, rate: int) -> np.ndarray:
    """The length of the pitch period at each sample: of one note or of a melody, with drift and vibrato."""
    time_s = np.arange(samples) / rate
    semitones = np.zeros(samples)
    if generator.random() < 0.5:
        starts = np.cumsum(generator.uniform(*NOTE_S, size=1 + round(samples / rate / NOTE_S[0])))
        notes = generator.choice(NOTES, len(starts) + 1)
        smooth = np.hanning(max(3, round(0.06 * rate)))
        steps = notes[np.searchsorted(starts, time_s)].astype(float)
        padded = np.pad(steps, len(smooth) // 2, mode="edge")
        semitones = np.convolve(padded, smooth / smooth.sum(), mode="valid")[:samples]
    knots = np.arange(int(time_s[-1] * 2) + 2) / 2
    semitones = semitones + np.interp(time_s, knots, generator.normal(0, 0.3, len(knots)))
    vibrato = generator.uniform(*VIBRATO) * np.sin(2 * np.pi * generator.uniform(*VIBRATO_HZ) * time_s)
    return np.median(np.diff(vowel.marks)) * 2 ** (-semitones / 12) / (1 + vibrato)
