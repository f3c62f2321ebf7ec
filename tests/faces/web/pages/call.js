// A microphone, the worklet, WebRTC, and the other end.
import { processTrack } from "/undin/index.js";
import { level, seconds, started } from "/pages/live.js";

export default async function ({ suppressed = false }) {
  const microphone = await navigator.mediaDevices.getUserMedia({
    audio: { noiseSuppression: suppressed, autoGainControl: false, echoCancellation: suppressed },
  });
  const { noiseSuppression: suppresses = false } = microphone.getAudioTracks()[0].getSettings();
  const warnings = [];
  const warn = console.warn;
  console.warn = (text) => warnings.push(text);
  const { track, undin, dispose } = await processTrack(microphone.getAudioTracks()[0], { model: "undin-nano" });
  console.warn = warn;
  const here = new RTCPeerConnection();
  const there = new RTCPeerConnection();
  here.onicecandidate = ({ candidate }) => candidate && there.addIceCandidate(candidate);
  there.onicecandidate = ({ candidate }) => candidate && here.addIceCandidate(candidate);
  const arrived = new Promise((resolve) => (there.ontrack = (event) => resolve(event.track)));
  here.addTrack(track, new MediaStream([track]));
  await here.setLocalDescription(await here.createOffer());
  await there.setRemoteDescription(here.localDescription);
  await there.setLocalDescription(await there.createAnswer());
  await here.setRemoteDescription(there.localDescription);
  const stream = new MediaStream([await arrived]);
  const player = new Audio(); // without one, Chromium does not decode
  player.muted = true;
  player.srcObject = stream;
  player.play().catch(() => {});
  const context = await started();
  const analyser = new AnalyserNode(context, { fftSize: 8192 });
  context.createMediaStreamSource(stream).connect(analyser);
  await seconds(3);
  const enhanced = await level(analyser, 3);
  undin.bypass = true;
  await seconds(1);
  const bypassed = await level(analyser, 3);
  let packets = 0;
  for (const report of (await there.getStats()).values()) {
    if (report.type === "inbound-rtp") packets += report.packetsReceived;
  }
  const { state } = undin.node.context;
  await dispose();
  const closed = undin.node.context.state;
  here.close();
  there.close();
  await context.close();
  microphone.getTracks().forEach((one) => one.stop());
  return { enhanced, bypassed, packets, warnings, suppresses, state, closed, ended: track.readyState };
}
