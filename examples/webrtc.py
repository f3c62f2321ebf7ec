"""A WebRTC peer that gives back the sound of a browser with its noise taken out: `python examples/webrtc.py`.

It wants `pip install undin aiortc aiohttp`; then open http://localhost:8080 and put headphones on. Without a browser,
`python examples/webrtc.py --self-test` calls itself over loopback.

aiortc sends mono as Opus 3 dB softer, and decodes Opus to interleaved stereo at 48 kHz whatever was sent: so the track
stays stereo here, and what comes back is as loud as it went.
"""

import argparse
import asyncio
import fractions

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from undin import Stream

PAGE = """<!doctype html><meta charset="utf-8"><title>undin over WebRTC</title>
<button>Talk</button><audio autoplay></audio>
<script type="module">
document.querySelector("button").onclick = async () => {
  const audio = { noiseSuppression: false, autoGainControl: false, echoCancellation: true };
  const microphone = await navigator.mediaDevices.getUserMedia({ audio });
  const peer = new RTCPeerConnection();
  peer.ontrack = ({ streams, track }) =>
    (document.querySelector("audio").srcObject = streams[0] ?? new MediaStream([track]));
  peer.addTrack(microphone.getAudioTracks()[0], microphone);
  await peer.setLocalDescription();
  await new Promise((done) => (peer.onicecandidate = ({ candidate }) => candidate || done()));
  const answer = await fetch("offer", { method: "POST", body: JSON.stringify(peer.localDescription) });
  await peer.setRemoteDescription(await answer.json());
};
</script>"""


class EnhancedTrack(MediaStreamTrack):
    """A track without its noise, `Stream.latency_samples` later."""

    kind = "audio"

    def __init__(self, track: MediaStreamTrack):
        super().__init__()
        self._track, self._stream = track, None

    async def recv(self) -> av.AudioFrame:
        """The next frame, of 20 ms, enhanced."""
        frame = await self._track.recv()
        channels = len(frame.layout.channels)
        if self._stream is None or (self._stream.sample_rate, self._stream.channels) != (frame.sample_rate, channels):
            self._stream = Stream(frame.sample_rate, channels=channels)
        samples = frame.to_ndarray().reshape(-1, channels).astype(np.float32) / 32768
        enhanced = np.rint(self._stream.process(samples) * 32768).clip(-32768, 32767).astype(np.int16)
        answer = av.AudioFrame.from_ndarray(enhanced.reshape(1, -1), "s16", frame.layout.name)
        answer.sample_rate, answer.pts, answer.time_base = frame.sample_rate, frame.pts, frame.time_base
        return answer


async def answer(offer: RTCSessionDescription, *, configuration: RTCConfiguration | None = None) -> RTCPeerConnection:
    """A peer that answers an offer; its track gives back what comes."""
    peer = RTCPeerConnection(configuration)

    @peer.on("track")
    def echo(track: MediaStreamTrack) -> None:
        peer.addTrack(EnhancedTrack(track))

    await peer.setRemoteDescription(offer)
    await peer.setLocalDescription(await peer.createAnswer())
    return peer


def serve(port: int) -> None:
    """Serve the page, and answer what it offers."""
    from aiohttp import web

    peers: set[RTCPeerConnection] = set()

    async def offered(request: web.Request) -> web.Response:
        told = await request.json()
        peer = await answer(RTCSessionDescription(sdp=told["sdp"], type=told["type"]))
        peers.add(peer)
        peer.on("connectionstatechange", lambda: peer.connectionState == "closed" and peers.discard(peer))
        return web.json_response({"sdp": peer.localDescription.sdp, "type": peer.localDescription.type})

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    application = web.Application()
    application.add_routes([web.get("/", page), web.post("/offer", offered)])
    web.run_app(application, host="127.0.0.1", port=port)


class Noise(MediaStreamTrack):
    """Noise in stereo at 48 kHz, as a microphone would send it."""

    kind = "audio"

    def __init__(self):
        super().__init__()
        self._random, self._sent = np.random.default_rng(0), 0

    async def recv(self) -> av.AudioFrame:
        """The next 20 ms, when it is time."""
        await asyncio.sleep(0.02)
        samples = self._random.normal(0, 2_000, (1, 2 * 960)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples, "s16", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, self._sent, fractions.Fraction(1, 48_000)
        self._sent += 960
        return frame


async def call_itself(seconds: float = 3.0) -> float:
    """Send noise to a peer in this process, over loopback; by how many dB softer it comes back."""
    configuration = RTCConfiguration(iceServers=[])  # nobody outside is asked
    caller, came = RTCPeerConnection(configuration), asyncio.get_running_loop().create_future()
    caller.on("track", lambda track: came.done() or came.set_result(track))
    caller.addTrack(Noise())
    await caller.setLocalDescription(await caller.createOffer())
    peer = await answer(caller.localDescription, configuration=configuration)
    await caller.setRemoteDescription(peer.localDescription)
    track = await asyncio.wait_for(came, 20)
    frames = [(await asyncio.wait_for(track.recv(), 20)).to_ndarray() for _ in range(round(seconds * 50))]
    await asyncio.gather(caller.close(), peer.close())
    last = np.concatenate(frames[len(frames) // 2 :], axis=1).astype(float)
    return float(20 * np.log10(2_000 / max(last.std(), 1e-3)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--self-test", action="store_true")
    args = parser.parse_args()
    if args.self_test:
        print(f"noise came back {asyncio.run(call_itself()):.1f} dB softer")
    else:
        serve(args.port)
