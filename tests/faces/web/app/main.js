// An app of React that Vite bundles: a track in, a track out, and a recording.
import { createElement, StrictMode, useEffect } from "react";
import { createRoot } from "react-dom/client";
import { enhance, models } from "undin";
import nano from "undin/models/undin-nano.js";
import { useUndin } from "undin/react";

const context = new AudioContext();
const microphone = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
new ConstantSourceNode(context).connect(microphone);
const recording = await enhance(new Float32Array(48000), 48000, { model: "undin-tiny" });

function App({ track }) {
  const { track: processed, undin, error } = useUndin(track, { model: nano, attenLimDb: 12 });
  useEffect(() => {
    if (error) parent.postMessage({ error: String(error) });
    if (!processed) return;
    const { latency, attenLimDb } = undin;
    parent.postMessage({ kind: processed.kind, latency, attenLimDb, length: recording.length, models: models() });
  }, [processed, error]);
  return null;
}

const [track] = microphone.stream.getAudioTracks();
createRoot(document.getElementById("root")).render(
  createElement(StrictMode, null, createElement(App, { track })),
);
