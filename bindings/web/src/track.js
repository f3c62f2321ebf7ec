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
    if (context.state === "suspended") context.resume().catch(() => {}); // else it starts with the next click
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
