"""Simulated rooms against pyroomacoustics, and against the reverberation times that were asked for."""

import numpy as np
import pyroomacoustics as pra
import pytest
import soxr
import torch
from support.made_up_audio import corpus_of

from undin.data.rooms import image_sources, measured_bank, room_bank

SAMPLE_RATE = 16000
EARLY_SAMPLES = 801  # 50 ms and the direct sound


def bank(rooms: int, rt60_s: float, *, seed: int = 0):
    return room_bank(rooms, rt60_s=(rt60_s, rt60_s), early_ms=50, sample_rate=SAMPLE_RATE, seed=seed)


def test_image_sources_lie_where_pyroomacoustics_puts_them():
    size, speaker, microphone = np.array([5.0, 4.0, 3.0]), np.array([1.0, 1.2, 1.5]), np.array([3.1, 2.2, 1.1])
    energy_absorption = 0.4
    room = pra.ShoeBox(size, fs=SAMPLE_RATE, materials=pra.Material(energy_absorption), max_order=20)
    room.add_source(speaker)
    room.add_microphone(microphone)
    room.image_source_model()
    images, attenuation = room.sources[0].images, room.sources[0].damping[0]
    orders = room.sources[0].orders
    distance = np.linalg.norm(images - microphone[:, None], axis=0)
    direct = distance.min()
    lag = np.rint((distance - direct) / 343.0 * SAMPLE_RATE).astype(int)
    near = lag < EARLY_SAMPLES
    # ours change sign at every wall, see `image_sources`
    gains = (attenuation * (-1.0) ** orders * direct / distance)[near]
    expected = np.bincount(lag[near], gains, minlength=EARLY_SAMPLES)
    reflection = -np.sqrt(1 - energy_absorption)
    found = image_sources(size, speaker, microphone, reflection=reflection, early_ms=50, sample_rate=SAMPLE_RATE)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("rt60_s", [0.2, 0.4, 0.8])
def test_reverberation_time_is_the_one_asked_for(rt60_s):
    rooms = bank(60, rt60_s)
    response = (rooms.early + rooms.late).double()
    decay = response.square().flip(-1).cumsum(-1).flip(-1)  # Schroeder's backward integration
    decay_db = 10 * torch.log10(decay / decay[:, :1])
    time_s = [((decay_db < level).int().argmax(-1) / SAMPLE_RATE) for level in (-5, -25)]
    t20_s = 3 * (time_s[1] - time_s[0])
    assert t20_s.median().item() == pytest.approx(rt60_s, rel=0.12)


def test_late_part_continues_the_early_one_at_its_level():
    rooms = bank(200, 0.6)
    window = 160
    before = rooms.early[:, EARLY_SAMPLES - window : EARLY_SAMPLES].square().sum(-1)
    after = rooms.late[:, EARLY_SAMPLES : EARLY_SAMPLES + window].square().sum(-1)
    step_db = 10 * torch.log10(after / before).median().item()
    assert step_db == pytest.approx(-60 * 0.01 / 0.6, abs=1.5)


def test_direct_sound_is_at_lag_0_and_the_parts_share_no_sample():
    rooms = room_bank(40, rt60_s=(0.1, 0.8), early_ms=50, sample_rate=SAMPLE_RATE, seed=0)
    assert rooms.early.shape == rooms.late.shape == (40, round(0.8 * SAMPLE_RATE))
    assert torch.equal(rooms.early[:, 0], torch.ones(40))
    assert not rooms.early[:, EARLY_SAMPLES:].any()
    assert not rooms.late[:, :EARLY_SAMPLES].any()
    assert rooms.early.isfinite().all() and rooms.late.isfinite().all()


def test_same_seed_same_rooms():
    assert torch.equal(bank(5, 0.3).late, bank(5, 0.3).late)
    assert not torch.equal(bank(5, 0.3).late, bank(5, 0.3, seed=1).late)


def recorded(bank, *, before: int, gain: float):
    """A corpus of a bank's responses as if measured: later, at another level, in the noise of a microphone."""
    generator = np.random.default_rng(0)
    responses = (bank.early + bank.late).numpy()
    noise = 3e-5 * generator.standard_normal((len(responses), before + responses.shape[1]))
    noise[:, before:] += gain * responses
    return corpus_of(list(noise), [f"{number}.flac" for number in range(len(noise))])


def test_measured_rooms_come_back_with_their_direct_sound_early_and_late_part():
    rooms = bank(12, 0.5)
    measured = measured_bank(recorded(rooms, before=700, gain=0.2), samples=6000, early_ms=50)
    rise = 16
    for found, expected in ((measured.early, rooms.early), (measured.late, rooms.late)):
        assert found.shape == (12, 6000)
        np.testing.assert_allclose(found[:, rise:5600], expected[:, : 5600 - rise], atol=2e-3)
    assert measured.late[:, -1].abs().max() < 1e-4
    np.testing.assert_allclose(np.median(measured.rt60_s), 0.5, rtol=0.15)


def test_a_room_measured_at_a_lower_rate_is_refused():
    response = soxr.resample((bank(1, 0.3).early + bank(1, 0.3).late)[0, ::2].numpy().astype(np.float64), 8000, 16000)
    with pytest.raises(ValueError, match=r"low\.flac: the room was measured up to \d+ Hz only, not for audio at 16000"):
        measured_bank(corpus_of([0.3 * response], ["low.flac"]), samples=4000, early_ms=50)


def test_joined_banks_keep_their_order():
    one, two = bank(3, 0.3), bank(2, 0.3, seed=1)
    both = one.joined(two)
    assert torch.equal(both.late[3:], two.late) and torch.equal(both.early[:3], one.early)
    assert both.rt60_s.shape == (5,)
