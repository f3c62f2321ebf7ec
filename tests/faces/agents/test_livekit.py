"""The filter in LiveKit's own audio stream, of a local track, without a server."""

import asyncio
import logging

import numpy as np
import pytest

pytestmark = pytest.mark.needs("livekit")

import undin  # noqa: E402

RATE, FRAME = 48_000, 480
MODEL = "undin-nano"


def as_integers(samples: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)


@pytest.fixture
def rtc():
    from livekit import rtc

    return rtc


def frame(rtc, samples: np.ndarray, rate: int):
    samples = samples.reshape(len(samples), -1)
    return rtc.AudioFrame(samples.tobytes(), rate, samples.shape[1], len(samples), userdata={"of": "a test"})


def noise(count: int, channels: int = 1) -> np.ndarray:
    return as_integers(np.random.default_rng(count).normal(0, 0.1, (count, channels)))


def test_a_track_comes_out_of_livekits_stream_as_out_of_a_stream(rtc):
    from undin.agents.livekit import noise_suppression

    samples = noise(RATE)

    async def through(processor) -> tuple[np.ndarray, int]:
        source = rtc.AudioSource(RATE, 1)
        track = rtc.LocalAudioTrack.create_audio_track("voice", source)
        options = {"noise_cancellation": processor, "auto_close_noise_cancellation": True}
        stream = rtc.AudioStream.from_track(track=track, sample_rate=RATE, num_channels=1, **options)

        async def feed():
            for begin in range(0, len(samples), FRAME):
                await source.capture_frame(frame(rtc, samples[begin : begin + FRAME], RATE))

        feeding, heard = asyncio.create_task(feed()), []
        while sum(map(len, heard)) < len(samples) - RATE // 5:
            event = await asyncio.wait_for(anext(stream), 20)
            heard.append(np.frombuffer(event.frame.data, np.int16))
        latency = processor.denoiser.latency_samples
        feeding.cancel()
        await stream.aclose()
        await source.aclose()
        return np.concatenate(heard), latency

    plain, processor = noise_suppression(model=MODEL, atten_lim_db=0), noise_suppression(model=MODEL)
    delayed, latency = asyncio.run(through(plain))
    enhanced, _ = asyncio.run(through(processor))
    silences = [np.zeros(frames * FRAME, np.int16) for frames in range(10)]  # a track begins with as many as it likes
    given = [np.concatenate((silence, samples[:, 0])) for silence in silences]
    came = delayed[latency:]
    assert any(np.array_equal(came, one[: len(came)]) for one in given)
    expected = [as_integers(undin.Stream(RATE, model=MODEL).process(one.astype(np.float32) / 32768)) for one in given]
    count = min(len(enhanced), len(samples))
    assert any(np.array_equal(enhanced[:count], one[:count]) for one in expected)
    assert np.std(enhanced[RATE // 2 :]) < 0.5 * np.std(came)
    assert processor.errors == plain.errors == 0 and processor.denoiser.latency_samples == 0  # closed with the stream


@pytest.mark.parametrize(("rate", "channels"), [(48_000, 1), (24_000, 2), (16_000, 1)])
def test_frames_hold_the_samples_of_a_stream(rtc, rate, channels):
    from undin.agents.livekit import noise_suppression

    samples, size = noise(rate // 2, channels), rate // 50
    processor, stream = noise_suppression(model=MODEL), undin.Stream(rate, channels=channels, model=MODEL)
    for begin in range(0, len(samples), size):
        block = samples[begin : begin + size]
        out = processor._process(frame(rtc, block, rate))
        expected = as_integers(stream.process(block.astype(np.float32) / 32768))
        assert (out.sample_rate, out.num_channels, out.samples_per_channel) == (rate, channels, size)
        assert out.userdata == {"of": "a test"}
        assert bytes(out.data) == expected.tobytes()


def test_rate_and_channels_may_change_and_it_may_be_switched_off(rtc):
    from undin.agents.livekit import noise_suppression

    processor = noise_suppression(model=MODEL, atten_lim_db=6)
    for rate, channels in ((16_000, 1), (48_000, 1), (48_000, 2), (24_000, 1)):
        first = processor._process(frame(rtc, noise(rate // 10, channels), rate))
        latency = undin.Stream(rate, channels=channels, model=MODEL).latency_samples
        assert processor.denoiser.latency_samples == latency
        assert not np.frombuffer(first.data, np.int16)[: latency * channels].any()
    assert processor.enabled
    processor.enabled = False
    processor.enabled = True
    again = processor._process(frame(rtc, noise(2_400), 24_000))
    assert not np.frombuffer(again.data, np.int16)[:latency].any()
    processor._on_stream_info_updated(room_name="a", participant_identity="b", publication_sid="c")
    processor._on_credentials_updated(token="t", url="u")
    processor._on_stream_info_cleared()
    processor._close()
    processor._process(frame(rtc, noise(2_400), 24_000))
    assert processor.errors == 0


def test_nothing_raises_and_the_first_error_is_told(rtc, caplog):
    from undin.agents.livekit import noise_suppression

    processor = noise_suppression(model=MODEL)
    impossible = frame(rtc, noise(30), 3_000)
    with caplog.at_level(logging.ERROR, "undin.agents"):
        for _ in range(3):
            assert bytes(processor._process(impossible).data) == bytes(impossible.data)
    assert processor.errors == 3
    (record,) = caplog.records
    assert "sound goes through with its noise: sample_rate must be 4000 to 384000" in record.getMessage()
    with pytest.raises(ValueError, match="unknown model"):  # what is wrong for good shows before a call
        noise_suppression(model="undin-huge")
    with pytest.raises(ValueError, match="atten_lim_db"):
        noise_suppression(model=MODEL, atten_lim_db=-1)


def test_it_is_what_livekits_options_take_and_models_are_shared(rtc):
    from undin.agents.livekit import noise_suppression

    one, other = noise_suppression(model=MODEL), noise_suppression(model=MODEL)
    assert isinstance(one, rtc.FrameProcessor) and one.denoiser._model is other.denoiser._model
    room_io = pytest.importorskip("livekit.agents.voice.room_io", reason="livekit-agents is not installed")
    assert room_io.AudioInputOptions(noise_cancellation=one).noise_cancellation is one
