"""Asks the element of GStreamer for its latency, seeks, and hears it with and without bypass; tells all that as JSON.

For the system's Python, which has GStreamer's bindings.
"""

import array
import json
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

Gst.init(None)


def pipeline(rate: int, properties: str = "") -> tuple[Gst.Pipeline, Gst.Element, Gst.Element]:
    made = Gst.parse_launch(
        f"filesrc location={sys.argv[1]} ! wavparse ! audioresample ! audio/x-raw,rate={rate} ! "
        f"undin name=undin {properties} ! fakesink name=sink sync=false signal-handoffs=true"
    )
    return made, made.get_by_name("undin"), made.get_by_name("sink")


def latency_ns(rate: int) -> int:
    made, element, _ = pipeline(rate)
    made.set_state(Gst.State.PAUSED)
    made.get_state(10 * Gst.SECOND)
    behind, before = Gst.Query.new_latency(), Gst.Query.new_latency()
    assert element.get_static_pad("src").query(behind) and element.get_static_pad("sink").peer_query(before)
    own = behind.parse_latency()[1] - before.parse_latency()[1]
    made.set_state(Gst.State.NULL)
    return own


def times_after_seek(position: int) -> list[int]:
    made, _, sink = pipeline(48000)
    times: list[int] = []
    made.set_state(Gst.State.PAUSED)
    made.get_state(10 * Gst.SECOND)
    made.seek_simple(Gst.Format.TIME, Gst.SeekFlags.FLUSH | Gst.SeekFlags.ACCURATE, position)
    made.get_state(10 * Gst.SECOND)
    sink.connect("handoff", lambda _sink, buffer, _pad: times.append(buffer.pts))
    made.set_state(Gst.State.PLAYING)
    made.get_bus().timed_pop_filtered(20 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    preroll = sink.get_property("last-sample")
    made.set_state(Gst.State.NULL)
    assert preroll is not None
    return sorted(times)


def level(properties: str) -> float:
    """Mean square of a second of output."""
    made, _, sink = pipeline(48000, properties)
    squares: list[float] = []

    def heard(_sink, buffer, _pad):
        samples = array.array("f", buffer.extract_dup(0, buffer.get_size()))
        squares.extend(sample * sample for sample in samples[::7])

    sink.connect("handoff", heard)
    made.set_state(Gst.State.PLAYING)
    made.get_bus().timed_pop_filtered(20 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    made.set_state(Gst.State.NULL)
    quiet = sorted(squares)[: len(squares) // 2]
    return sum(quiet) / len(quiet)


told = {
    "latency_ns": latency_ns(48000),
    "latency_at_16000_ns": latency_ns(16000),
    "first_after_seek_ns": times_after_seek(Gst.SECOND)[0],
    "levels": {"none": level(""), "bypass": level("bypass=true")},
}
print(json.dumps(told))
