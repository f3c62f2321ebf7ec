"""Speakers count by the root of what they said, corpora by their shares, files by how silent their pauses are."""

import numpy as np
import pytest
from support.made_up_audio import SAMPLE_RATE, corpus_of

from undin.data.weights import file_weights, floor_db

pytestmark = pytest.mark.quick


def sounds(count: int) -> list[np.ndarray]:
    return [np.full(SAMPLE_RATE, 0.1)] * count


def test_files_by_themselves_count_by_the_root_of_their_duration(noise):
    roots = np.sqrt(noise.lengths.numpy())
    np.testing.assert_allclose(file_weights(noise, group_by_folder=False), roots / roots.sum())


def test_a_folder_of_speech_counts_as_one_voice():
    corpus = corpus_of(sounds(10), ["a/0.wav", *(f"b/{n}.wav" for n in range(9))])
    weights = file_weights(corpus, group_by_folder=True)
    assert weights[0] == pytest.approx(1 / (1 + np.sqrt(9)))
    assert weights[1:] == pytest.approx(weights[0] / 3)


def test_a_named_folder_gets_its_share_and_all_others_the_rest():
    corpus = corpus_of(sounds(4), ["full/a/0.wav", "full/b/1.wav", "rest/c/2.wav", "rest/full.wav"])
    weights = file_weights(corpus, group_by_folder=True, shares={"full": 0.8, "absent": 0.1})
    assert weights == pytest.approx([0.4, 0.4, 0.1, 0.1])
    weights = file_weights(corpus, group_by_folder=True, shares={"b": 0.5, "full": 0.3})
    assert weights == pytest.approx([0.3, 0.5, 0.1, 0.1])


def test_where_all_files_have_shares_they_fill_the_whole():
    corpus = corpus_of(sounds(2), ["a/0.wav", "b/1.wav"])
    assert file_weights(corpus, group_by_folder=True, shares={"a": 0.1, "b": 0.3}) == pytest.approx([0.25, 0.75])


def test_shares_of_more_than_there_is_are_refused():
    corpus = corpus_of(sounds(2), ["a/0.wav", "b/1.wav"])
    with pytest.raises(ValueError, match="the shares of a, b add up to more than 1"):
        file_weights(corpus, group_by_folder=True, shares={"a": 0.5, "b": 0.7, "c": 0.9})


def noisy_speech(floors_db: list[float]) -> list[np.ndarray]:
    """Sound of -20 dB for a quarter of each second, and a floor so far below."""
    generator = np.random.default_rng(0)
    speaks = np.arange(4 * SAMPLE_RATE) % SAMPLE_RATE < SAMPLE_RATE / 4
    return [
        0.1 * np.where(speaks, 1, 10 ** (-floor / 20)) * generator.standard_normal(len(speaks)) for floor in floors_db
    ]


def test_the_floor_is_what_the_pauses_have():
    corpus = corpus_of([*noisy_speech([20, 40, 55]), np.full(100, 0.1)], list("abcd"))
    np.testing.assert_allclose(floor_db(corpus), [20, 40, 55, np.inf], atol=2)


def test_zeros_in_a_recording_are_no_floor():
    (audio,) = noisy_speech([30])
    audio[::2000] = 0
    audio[: SAMPLE_RATE // 2] = 0
    assert floor_db(corpus_of([audio], ["a"]))[0] == pytest.approx(30, abs=2)


def test_files_with_noise_in_their_pauses_weigh_less():
    corpus = corpus_of(noisy_speech([20, 40, 60]), ["a/0", "b/0", "c/0"])
    weights = file_weights(corpus, group_by_folder=True, clean_above_db=(30.0, 50.0))
    assert weights == pytest.approx([0, 1 / 3, 2 / 3], abs=0.04)
    with pytest.raises(ValueError, match="none of 3 files is 90 dB above its pauses"):
        file_weights(corpus, group_by_folder=True, clean_above_db=(90.0, 95.0))
