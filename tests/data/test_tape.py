"""Which segments are drawn, and what is read."""

import numpy as np
import pytest
import torch
from support.made_up_audio import SAMPLE_RATE, corpus_of

from undin.data.corpus import FULL_SCALE
from undin.data.tape import Tape, Tapes
from undin.data.weights import file_weights


def tape_of(corpus, *, segment=8000, lead=1000, tail=500, min_active_share=0.0, most_samples=0) -> Tape:
    return Tape(
        corpus,
        segment_samples=segment,
        lead_samples=lead,
        tail_samples=tail,
        weights=file_weights(corpus, group_by_folder=False),
        min_active_share=min_active_share,
        most_samples=most_samples,
    )


def test_reads_the_samples_around_a_start(noise):
    tape = tape_of(noise)
    starts = np.array([[1000, 50_000], [20_000, 200_000]])
    segments = tape.read(starts)
    assert segments.shape == (2, 2, 1000 + 8000 + 500)
    whole = noise.samples.numpy() / np.float32(FULL_SCALE)
    np.testing.assert_allclose(segments[1, 0], whole[20_000 - 1000 : 20_000 + 8500], atol=1e-7)


def test_reads_more_or_less_around_a_start_in_the_same_proportions(noise):
    tape = tape_of(noise)
    whole = noise.samples.numpy() / np.float32(FULL_SCALE)
    for samples in (4750, 19_000):
        lead = 1000 * samples // 9500
        expected = whole[50_000 - lead : 50_000 - lead + samples]
        np.testing.assert_allclose(tape.read(np.array([50_000]), samples=samples)[0], expected, atol=1e-7)


def test_files_are_drawn_by_their_weights(noise):
    tape = tape_of(noise)
    names = [tape.names_of(start, samples=1)[0] for start in tape.draw(np.random.default_rng(0), (20_000,))]
    shares = np.array([names.count(name) for name in noise.names]) / len(names)
    # the ends of the tape are moved elsewhere, which changes little
    np.testing.assert_allclose(shares, file_weights(noise, group_by_folder=False), atol=0.02)


def test_silence_is_avoided_as_long_as_there_is_sound():
    generator = np.random.default_rng(0)
    sound, silence = 0.1 * generator.standard_normal(2 * SAMPLE_RATE), np.zeros(2 * SAMPLE_RATE)
    corpus = corpus_of([np.concatenate([sound, silence] * 5)], ["x.wav"])

    def silent_share(min_active_share: float) -> float:
        tape = tape_of(corpus, min_active_share=min_active_share)
        segments = tape.read(tape.draw(np.random.default_rng(1), (1000,)))[:, 1000:9000]
        return (segments.ne(0).float().mean(-1) < 0.3).float().mean().item()

    assert silent_share(0.0) > 0.3
    assert silent_share(0.4) < 0.05


@pytest.mark.parametrize("seconds_of_silence", [0, 30, 300])
@pytest.mark.parametrize("seconds_of_sound", [0.3, 3])
def test_no_segment_is_silent_because_most_of_its_file_is(seconds_of_silence, seconds_of_sound):
    generator = np.random.default_rng(0)
    silence = np.zeros(seconds_of_silence * SAMPLE_RATE)
    files = [
        np.concatenate([silence, 0.1 * generator.standard_normal(round(seconds_of_sound * SAMPLE_RATE)), silence])
        for _ in range(5)
    ]
    tape = tape_of(corpus_of(files, list("abcde")), min_active_share=0.3)
    starts = tape.draw(np.random.default_rng(1), (400,))
    heard = tape.read(starts)[:, 1000:9000].ne(0).float().mean(-1)
    assert heard.min() > min(0.28, 0.4 * seconds_of_sound / 0.5)
    assert len(np.unique(starts)) > 20
    if seconds_of_silence:
        assert np.bincount(tape.file_at(starts), minlength=5).min() > 40  # each as often as ever


def test_where_there_is_sound_enough_hardly_anything_is_moved(noise, speech):
    for corpus in (noise, speech):
        choosy, free = tape_of(corpus, min_active_share=0.3), tape_of(corpus, min_active_share=0.3)
        free._with_sound = lambda start, share, place: start
        starts = [tape.draw(np.random.default_rng(1), (500,)) for tape in (choosy, free)]
        assert np.mean(starts[0] != starts[1]) < 0.005


def test_all_files_of_a_segment_are_named(noise):
    tape = tape_of(noise)
    border = int(noise.starts[3])
    assert tape.names_of(border - 1, samples=2) == list(noise.names[2:4])
    assert tape.names_of(border, samples=100) == [noise.names[3]]
    both = Tapes([tape, tape_of(corpus_of([np.full(30_000, 0.5)], ["x.wav"]))], [0.5, 0.5])
    assert both.names_of(len(tape.samples) + 5000, samples=100) == ["x.wav"]


@pytest.mark.parametrize("samples", [100, 5000, 9499, 9500, 9501, 19_000])
@pytest.mark.parametrize("read_samples", [7600, 9500, 13_300])
def test_corpora_shorter_than_a_segment_repeat(samples, read_samples):
    corpus = corpus_of([np.linspace(0.01, 0.9, samples)], ["x.wav"])
    tape = tape_of(corpus, most_samples=read_samples)
    starts = tape.draw(np.random.default_rng(0), (200,))
    segments = tape.read(starts, samples=read_samples)
    position = starts[:, None] - 1000 * read_samples // 9500 + np.arange(read_samples)
    expected = corpus.samples.numpy()[position % samples] / np.float32(FULL_SCALE)
    np.testing.assert_allclose(segments, expected, atol=1e-7)
    assert len(np.unique(starts)) > 50
    assert {tape.names_of(start, samples=1)[0] for start in starts} == {"x.wav"}


def test_several_tapes_read_as_each_by_itself_and_by_their_shares(noise):
    first, second = tape_of(noise), tape_of(corpus_of([np.full(30_000, 0.5)], ["x.wav"]))
    both = Tapes([first, second], [0.8, 0.2])
    starts = both.draw(np.random.default_rng(0), (2000, 2))
    segments = both.read(starts)
    is_second = starts >= len(first.samples)
    assert is_second.mean() == pytest.approx(0.2, abs=0.02)
    assert torch.equal(segments[torch.from_numpy(~is_second)], first.read(starts[~is_second]))
    assert torch.equal(segments[torch.from_numpy(is_second)], second.read(starts[is_second] - len(first.samples)))
    names = np.array([*noise.names, "x.wav"])
    assert [both.names_of(start, samples=1)[0] for start in starts[:20, 0]] == names[
        both.file_at(starts[:20, 0])
    ].tolist()
    assert both.read(starts[:3], samples=7000).shape == (3, 2, 7000)
