import type { AnyModel, LoadOptions, Model } from "./index.js";

/** An `AudioFrame` of @livekit/rtc-node, as far as it is touched. */
export interface Frame {
  data: Int16Array;
  sampleRate: number;
  channels: number;
  samplesPerChannel: number;
}

/** A `FrameProcessor` of @livekit/rtc-node: `new AudioStream(track, { noiseCancellation: await UndinFrameProcessor.open() })`. */
export class UndinFrameProcessor {
  static open(options?: LoadOptions & { model?: AnyModel; attenLimDb?: number | null }): Promise<UndinFrameProcessor>;
  constructor(models: Model | Model[], attenLimDb?: number | null);
  readonly symbol: symbol;
  /** at the rate of the last frame; 0 before the first */
  readonly latencySamples: number;
  attenLimDb: number | null;
  isEnabled(): boolean;
  setEnabled(enabled: boolean): void;
  /** Denoise a frame in place; it holds the sound of `latencySamples` ago then. */
  process<Type extends Frame>(frame: Type): Type;
  onStreamInfoUpdated(info?: unknown): void;
  onStreamInfoCleared(): void;
  onCredentialsUpdated(credentials?: unknown): void;
  onCredentialsCleared(): void;
  close(): void;
}
