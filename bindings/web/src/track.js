import { createUndin } from "./node.js";

/**
 * Denoise a track, of a microphone say, for WebRTC or a recorder.
 *
 * @param {MediaStreamTrack} track
 * @param {object} options those of `createUndin`, and `audioContext` to use one of your own, which then stays open
 * @returns {Promise<{ track: MediaStreamTrack, undin: Undin, dispose: () => Promise<void> }>} once it works
 */
export async function processTrack(track, { audioContext, ...options } = {}) {
  const context = audioContext ?? new AudioContext({ latencyHint: "interactive" });
  let undin;
  try {
    const channels = track.getSettings?.().channelCount === 2 ? 2 : 1;
    undin = await createUndin(context, { channels, track, ...options });
    const source = context.createMediaStreamSource(new MediaStream([track]));
    const destination = new MediaStreamAudioDestinationNode(context, { channelCount: undin.node.channelCount });
    source.connect(undin.node).connect(destination);
    resume(context);
    const [processed] = destination.stream.getAudioTracks();
    const dispose = async () => {
      track.removeEventListener("ended", dispose);
      source.disconnect();
      undin.dispose();
      processed.stop();
      if (!audioContext && context.state !== "closed") await context.close();
    };
    track.addEventListener("ended", dispose);
    await undin.ready;
    return { track: processed, undin, dispose };
  } catch (error) {
    undin?.dispose();
    if (!audioContext) await context.close();
    throw error;
  }
}

/** Start a context, now or, where the browser wants to see the user act first, when that happens. */
function resume(context) {
  if (context.state !== "suspended") return;
  const acts = ["pointerdown", "keydown"];
  const tryIt = () => context.state === "closed" || context.resume().catch(() => {});
  const stop = () => {
    if (context.state === "suspended") return;
    for (const act of acts) removeEventListener(act, tryIt, true);
    context.removeEventListener("statechange", stop);
  };
  for (const act of acts) addEventListener(act, tryIt, true);
  context.addEventListener("statechange", stop);
  tryIt();
}
