"""The filter in Pipecat's own transports, run by Pipecat's own test."""

import asyncio

import numpy as np
import pytest

pytestmark = pytest.mark.needs("pipecat")

import undin  # noqa: E402
from undin.io import pcm  # noqa: E402

MODEL, RATE = "undin-nano", 16_000
SAMPLES = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
DATA = pcm.encode(SAMPLES, subtype="PCM_16")
FRAME_BYTES = 640


@pytest.fixture(autouse=True, scope="module")
def model():
    """Compiled before: Pipecat waits a few seconds at most for a pipeline to start."""
    undin.load(MODEL)


def run(coroutine):
    """Run it, within a minute. `asyncio.run` would then wait for tasks of Pipecat that do not end when cancelled."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(asyncio.wait_for(coroutine, 60))
    finally:
        loop.close()


def heard_by_pipecat(sound_filter, *, switch=()) -> bytes:
    """Send sound through an input transport; `switch` are the frames of control with the sound that they come after."""
    from pipecat.frames.frames import FilterEnableFrame, InputAudioRawFrame
    from pipecat.tests.utils import SleepFrame, run_test
    from pipecat.transports.base_input import BaseInputTransport
    from pipecat.transports.base_transport import TransportParams

    class Loopback(BaseInputTransport):
        async def start(self, frame):
            await super().start(frame)
            await self.set_transport_ready(frame)
            self.create_task(self.feed())

        async def feed(self):
            for begin in range(0, len(DATA), FRAME_BYTES):
                for at, is_enabled in switch:
                    if begin == at * FRAME_BYTES:
                        while not self._audio_in_queue.empty():
                            await asyncio.sleep(0.01)
                        await asyncio.sleep(0.1)
                        await sound_filter.process_frame(FilterEnableFrame(is_enabled))
                audio = DATA[begin : begin + FRAME_BYTES]
                await self.push_audio_frame(InputAudioRawFrame(audio=audio, sample_rate=RATE, num_channels=1))

    async def talk():
        transport = Loopback(
            TransportParams(audio_in_enabled=True, audio_in_sample_rate=RATE, audio_in_filter=sound_filter)
        )
        down, _ = await run_test(transport, frames_to_send=[SleepFrame(sleep=3.0)], start_timeout=30)
        return b"".join(frame.audio for frame in down if isinstance(frame, InputAudioRawFrame))

    return run(talk())


def test_an_input_transport_hears_the_samples_of_a_stream():
    from undin.agents.pipecat import UndinFilter

    sound_filter = UndinFilter(model=MODEL, atten_lim_db=20)
    found = heard_by_pipecat(sound_filter)
    stream = undin.Stream(RATE, model=MODEL, atten_lim_db=20)
    expected = pcm.encode(stream.process(pcm.decode(DATA, subtype="PCM_16")), subtype="PCM_16")
    assert len(found) > len(DATA) // 2 and found == expected[: len(found)]
    assert sound_filter.errors == 0


def test_it_is_disabled_without_a_gap():
    from undin.agents.pipecat import UndinFilter

    found = heard_by_pipecat(UndinFilter(model=MODEL), switch=[(10, False)])
    latency = undin.Stream(RATE, model=MODEL).latency_samples
    later = np.frombuffer(found, np.int16)
    begin = 11 * 320 + 512
    assert len(later) > begin + 1_000
    np.testing.assert_array_equal(later[begin:], np.frombuffer(DATA, np.int16)[begin - latency : len(later) - latency])


def test_an_output_transport_says_the_samples_of_a_stream():
    from pipecat.frames.frames import OutputAudioRawFrame
    from pipecat.tests.utils import SleepFrame, run_test
    from pipecat.transports.base_output import BaseOutputTransport
    from pipecat.transports.base_transport import TransportParams

    from undin.agents.pipecat import UndinFilter

    said = []

    class Speaker(BaseOutputTransport):
        async def start(self, frame):
            await super().start(frame)
            await self.set_transport_ready(frame)

        async def write_audio_frame(self, frame):
            said.append(frame.audio)
            return True

    sound_filter = UndinFilter(model=MODEL)
    params = {"audio_out_enabled": True, "audio_out_sample_rate": RATE, "audio_out_filter": sound_filter}
    speaker = Speaker(TransportParams(**params, audio_out_end_silence_secs=0, audio_out_auto_silence=False))
    frames = [
        OutputAudioRawFrame(audio=DATA[begin : begin + FRAME_BYTES], sample_rate=RATE, num_channels=1)
        for begin in range(0, len(DATA), FRAME_BYTES)
    ]
    run(run_test(speaker, frames_to_send=[*frames, SleepFrame(sleep=2.0)], start_timeout=30))
    found = b"".join(said)
    stream = undin.Stream(RATE, model=MODEL)
    expected = pcm.encode(stream.process(pcm.decode(DATA, subtype="PCM_16")), subtype="PCM_16")
    assert len(found) > len(DATA) // 2 and found == expected[: len(found)]
    assert sound_filter.errors == 0


def test_channels_and_what_is_no_sound():
    from undin.agents.pipecat import UndinFilter

    async def talk():
        sound_filter = UndinFilter(model=MODEL, channels=2)
        assert await sound_filter.filter(DATA) == DATA  # before it is started
        await sound_filter.start(24_000)
        parts = [await sound_filter.filter(DATA[begin : begin + 1_000]) for begin in range(0, 16_000, 1_000)]
        assert await sound_filter.filter(b"abc") == b"abc" and sound_filter.errors == 1
        await sound_filter.stop()
        return b"".join(parts)

    samples = pcm.decode(DATA[:16_000], subtype="PCM_16").reshape(-1, 2)
    expected = undin.Stream(24_000, channels=2, model=MODEL).process(samples)
    assert run(talk()) == pcm.encode(expected, subtype="PCM_16")


def test_what_is_wrong_shows_when_the_transport_is_set_up():
    from undin.agents.pipecat import UndinFilter

    with pytest.raises(ValueError, match="unknown model"):
        run(UndinFilter(model="undin-huge").start(RATE))
