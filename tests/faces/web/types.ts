// Every call of the package as TypeScript must accept it, and some that it must not.
import {
  createUndin, DEFAULT_MODEL, enhance, loadModel, Model, models, processTrack, Stream, UndinError, UndinProcessor,
} from "undin";
import type { Undin } from "undin";
import { UndinFrameProcessor } from "undin/livekit-node";
import small from "undin/models/undin-small.js";
import { useUndin } from "undin/react";
import type { AudioFrame, FrameProcessor } from "@livekit/rtc-node";
import type { AudioProcessorOptions, Track, TrackProcessor } from "livekit-client";

export async function calls(context: AudioContext, track: MediaStreamTrack): Promise<Undin> {
  const undin = await createUndin(context, { model: "undin-small", attenLimDb: 24, untilReady: "bypass", track });
  const end: () => void = undin.on("overload", ({ load, seconds }) => load + seconds);
  undin.on("warning", ({ code, message }) => `${code} ${message}`);
  undin.on("levels", ({ reductionDb, load }) => reductionDb * load);
  end();
  await undin.ready.catch((error: UndinError) => error.code === "policy");
  undin.attenLimDb = null;
  context.createMediaStreamSource(new MediaStream([track])).connect(undin.node);
  const { track: processed, dispose } = await processTrack(track, { audioContext: context, model: small });
  const kind: string = processed.kind;
  await dispose();
  const model: Model = await loadModel(DEFAULT_MODEL, { baseUrl: "/assets" });
  const stream = new Stream(48_000, { model, channels: 2 });
  const pair: Float32Array[] = stream.process([new Float32Array(9), new Float32Array(9)]);
  const one: Float32Array = (await Stream.open(16_000)).process(pair[0]!);
  const whole: Float32Array = await enhance(one, 16_000, { signal: new AbortController().signal, onProgress: (x) => x * 2 });
  const names: string[] = models();
  useUndin(track, { bypass: names.length + whole.length > kind.length });
  // @ts-expect-error: no such model
  void createUndin(context, { model: "undin-huge" });
  // @ts-expect-error: three channels
  void createUndin(context, { channels: 3 });
  // @ts-expect-error: the model must be loaded
  new Stream(48_000, { model: "undin-small" });
  return undin;
}

export const browser: TrackProcessor<Track.Kind.Audio, AudioProcessorOptions> = new UndinProcessor({ attenLimDb: 12 });
export const server: Promise<FrameProcessor<AudioFrame>> = UndinFrameProcessor.open({ model: small });
