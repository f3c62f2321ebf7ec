"""Calls in G.711, with packets that are lost: told, or seen as gaps; and what they are worth afterwards."""

import numpy as np
import pytest
import soundfile
from support import step_models

import undin
from undin.agents.concealment import JOINED, Concealment
from undin.agents.telephony import FLOOR_DB, SUBTYPES, Call
from undin.io import pcm

RATE, PACKET = 8_000, 160


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """One that lets sound through, half as loud."""
    return undin.load(step_models.fading(tmp_path_factory.mktemp("model") / "fading.onnx"), engine="compiled")


def packets(samples: np.ndarray, law: str) -> list[bytes]:
    data = pcm.encode(samples, subtype=SUBTYPES[law])
    return [data[begin : begin + PACKET] for begin in range(0, len(data), PACKET)]


def voiced(count: int, pitch_hz: float = 110.0) -> np.ndarray:
    time = np.arange(count) / RATE
    return sum(0.1 / n * np.sin(2 * np.pi * n * pitch_hz * time + n) for n in range(1, 12)).astype(np.float32)


@pytest.mark.parametrize("law", SUBTYPES)
def test_a_call_is_a_stream_of_codes(model, law):
    samples = np.random.default_rng(0).normal(0, 0.1, 4_000).astype(np.float32)
    call, stream = Call(law, model=model), undin.Stream(RATE, model=model, atten_lim_db=FLOOR_DB)
    heard = pcm.decode(b"".join(packets(samples, law)), subtype=SUBTYPES[law])
    expected = pcm.encode(np.concatenate((stream.process(heard), stream.flush())), subtype=SUBTYPES[law])
    found = b"".join(call.packet(packet) for packet in packets(samples, law)) + call.flush()
    assert found == expected and call.latency_samples == stream.latency_samples


@pytest.mark.parametrize("start", [0, 2**32 - 5 * PACKET])  # timestamps have 32 bits
def test_gaps_in_timestamps_are_losses_that_nobody_told(model, start):
    sent, gone = packets(voiced(8_000), "alaw"), {3, 4, 20, 47}
    told, seen = Call("alaw", model=model), Call("alaw", model=model)
    first = b"".join(told.lost(PACKET) if i in gone else told.packet(packet) for i, packet in enumerate(sent))
    second = b""
    for index, packet in enumerate(sent):
        timestamp = (start + index * PACKET) % 2**32
        if index not in gone:
            second += seen.packet(packet, timestamp=timestamp)
        if index == 21:  # one comes in the end, and one twice
            assert seen.packet(sent[20], timestamp=(timestamp - PACKET) % 2**32) == b""
            assert seen.packet(packet, timestamp=timestamp) == b""
    assert first == second and len(first) == 8_000
    assert told.lost_samples == seen.lost_samples == 4 * PACKET and seen.late_packets == 2


def test_pauses_and_other_clocks_are_no_losses(model):
    call, packet = Call("mulaw", model=model), bytes(PACKET)
    assert [len(call.packet(packet, timestamp=at)) for at in (0, 160, 8_320, 16_481, 2**31, 100)] == [
        *(160, 160, 8_160, 160, 160, 160)
    ]
    assert call.lost_samples == 8_000 and not call.late_packets


def test_voices_go_on_through_a_gap_and_noise_fades():
    samples = voiced(2_400)
    concealment = Concealment()
    before = concealment.hear(samples[:1_600])
    made_up, after = concealment.make_up(240), concealment.hear(samples[1_840:2_400])
    np.testing.assert_array_equal(before, samples[:1_600])
    wanted = samples[1_600:1_680]
    assert np.linalg.norm(made_up[:80] - wanted) < 0.3 * np.linalg.norm(wanted)
    assert np.abs(np.diff(np.concatenate((before, made_up, after)))).max() < 1.3 * np.abs(np.diff(samples)).max()
    np.testing.assert_array_equal(after[JOINED:], samples[1_840 + JOINED :])
    assert np.linalg.norm(made_up[160:]) < np.linalg.norm(made_up[:80])
    assert not concealment.make_up(2_000)[480:].any()
    assert not Concealment().make_up(160).any()


def test_what_is_no_call_is_refused(model):
    with pytest.raises(ValueError, match="law must be one of mulaw, alaw, got 'opus'"):
        Call("opus", model=model)
    with pytest.raises(ValueError, match="0 or more, got -1"):
        Call("alaw", model=model).lost(-1)


@pytest.mark.parametrize("law", SUBTYPES)
def test_twenty_calls_are_never_worse_than_they_came(shared_data, law):
    import soxr
    from pesq import pesq

    folder = shared_data / "test" / "voicebank_demand_quarter"
    names = sorted(path.name for path in (folder / "noisy").iterdir())
    for name in names[:: len(names) // 20][: 20 if law == "mulaw" else 5]:
        clean, noisy = (
            soxr.resample(soundfile.read(folder / kind / name, dtype="float32")[0], 16_000, RATE)
            for kind in ("clean", "noisy")
        )
        call, sent = Call(law), packets(noisy, law)
        data = (b"".join(map(call.packet, sent)) + call.flush())[call.latency_samples :]
        before, after = (
            pesq(RATE, clean, pcm.decode(codes, subtype=SUBTYPES[law]), "nb") for codes in (b"".join(sent), data)
        )
        assert after >= before, name
