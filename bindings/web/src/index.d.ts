/** Noise suppression for speech, in real time, in browsers and Node. */

/** Models that this build of the package has; `models()` tells them, too. */
export type ModelName = string;

/** What `import small from "undin/models/undin-small.js"` gives. */
export interface InlinedModel {
  readonly name: string;
  readonly symbol: string;
  /** WebAssembly, gzipped, as base64 */
  readonly gzip: string;
}

/** A loaded model, which any number of streams may share. */
export class Model {
  constructor(name: string, symbol: string, bytes: Uint8Array);
  readonly name: string;
  readonly symbol: string;
  /** its WebAssembly */
  readonly bytes: Uint8Array;
  /** The compiled WebAssembly: compiled at once if it was not yet. */
  readonly module: WebAssembly.Module;
  /** The same, compiled aside. */
  compile(): Promise<WebAssembly.Module>;
}

/** A name, loaded by a dynamic import of a file of its own; what such a file exports; or a loaded model. */
export type AnyModel = ModelName | InlinedModel | Model;

/** The model that is taken if none is named, and by `defaultModel` for sound of less than 32 kHz. */
export const DEFAULT_MODEL: ModelName;

/** The model that is taken for sound of a rate in Hz if none is named: full band from 32 kHz up, if this build has it. */
export function defaultModel(sampleRate: number): ModelName;

/** Names of the models that this build of the package has. */
export function models(): ModelName[];

export interface LoadOptions {
  /** Where the files of `undin/assets` are served, for policies that forbid what is inlined, and for caches. */
  baseUrl?: string | URL;
}

export function loadModel(model?: AnyModel, options?: LoadOptions): Promise<Model>;

export type ErrorCode =
  /** there is no such model, or it is damaged */
  | "model"
  /** a model's file could not be loaded */
  | "load"
  /** the page's Content-Security-Policy forbids WebAssembly */
  | "policy"
  /** no WebAssembly with SIMD */
  | "too-old"
  /** the worklet could not be loaded */
  | "worklet"
  /** the worklet has failed while it ran */
  | "processor"
  /** the worklet gave no sign */
  | "timeout"
  /** the node was disposed of before it was ready */
  | "disposed"
  /** the worker of `enhance` could not be started, or has failed */
  | "worker"
  /** a server of `undin serve` refused, or is gone; `serverCode` is its code, such as "busy" */
  | "server"
  /** a warning: the browser suppresses noise, too */
  | "double-suppression";

/** An error with a code for programs, and for people a sentence with the cure. */
export class UndinError extends Error {
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown });
  readonly code: ErrorCode;
  readonly serverCode?: string;
}

/** Levels for meters; silence counts as -120 dB. */
export interface Levels {
  /** root mean square of the input, over all channels, dB relative to a sample of 1 */
  inputDbfs: number;
  /** the same of the output */
  outputDbfs: number;
  /** how much softer the last of the output is than it went in, dB */
  reductionDb: number;
  /** how much of its sound between 200 Hz and 4 kHz was kept, 0 to 1 in energy: high in speech, low in noise */
  presence: number;
}

export interface StreamOptions {
  /** a loaded model */
  model: Model;
  /** 1 if not given */
  channels?: number;
  /** the most that any sound is attenuated, dB, not negative; null sets no limit, 0 returns the delayed input */
  attenLimDb?: number | null;
}

export interface OpenOptions extends Omit<StreamOptions, "model">, LoadOptions {
  model?: AnyModel;
}

/** Denoise a signal that comes in blocks, in real time, in browsers and Node. */
export class Stream {
  /** Load a model, and open a stream on it. */
  static open(sampleRate: number, options?: OpenOptions): Promise<Stream>;
  /** @param sampleRate Hz, 4,000 to 384,000 */
  constructor(sampleRate: number, options: StreamOptions);
  readonly sampleRate: number;
  readonly channels: number;
  readonly model: Model;
  /** by how much the output comes after the input, samples at `sampleRate`, whatever the block sizes */
  readonly latencySamples: number;
  /** may be set while sound runs; the change is faded in */
  attenLimDb: number | null;
  /** whether the delayed input comes out as it is; faded likewise */
  bypass: boolean;
  /** whether all channels get the same gain, or each its own; true for two channels, unless set */
  linkChannels: boolean;
  /** of the last block, of its last second if it is longer */
  readonly levels: Levels;
  /** Enhance the next block, of any length: one channel. */
  process(block: Float32Array, out?: Float32Array): Float32Array;
  /** Enhance the next block, of any length: an array of channels. */
  process(block: Float32Array[], out?: Float32Array[]): Float32Array[];
  /** Return the last `latencySamples` of the enhanced signal, and go back to the fresh state. */
  flush(): Float32Array[];
  /** Go back to the fresh state: silence came before the next sample. */
  reset(): void;
}

export interface EnhanceOptions extends LoadOptions {
  model?: AnyModel;
  attenLimDb?: number | null;
  /** hears which part is done, 0 to 1 */
  onProgress?: (share: number) => void;
  /** ends it: the promise rejects with the signal's reason */
  signal?: AbortSignal;
}

/** Denoise a whole recording in a worker; the result has its length and lines up with it. */
export function enhance(channels: Float32Array, sampleRate: number, options?: EnhanceOptions): Promise<Float32Array>;
export function enhance(channels: Float32Array[], sampleRate: number, options?: EnhanceOptions): Promise<Float32Array[]>;

export interface UndinOptions extends LoadOptions {
  model?: AnyModel;
  /** the most that any sound is attenuated, dB; null, if not given, sets no limit */
  attenLimDb?: number | null;
  bypass?: boolean;
  /** 2 if not given; other inputs are mixed to as many */
  channels?: 1 | 2;
  /** what is heard until the model is ready: "silence", if not given, or the input as it is */
  untilReady?: "silence" | "bypass";
  /** whether the delayed input is let out as it is where the machine is too slow; "bypass" if not given */
  onOverload?: "bypass" | "ignore";
  /** the microphone's track, to be warned if the browser suppresses noise, too */
  track?: MediaStreamTrack;
  /** after how long without a sign of the worklet, in a context that runs, `ready` rejects; 15,000 if not given */
  timeoutMs?: number;
}

export interface UndinLevels extends Levels {
  /** which part of real time the stream takes of the audio thread */
  load: number;
}

export interface UndinEvents {
  /** ten times a second */
  levels: UndinLevels;
  /** too little time: the delayed input is let out as it is, for at least so long */
  overload: { load: number; seconds: number };
  /** there is time again, and noise is taken out again */
  recovered: { load: number };
  warning: UndinError;
  error: UndinError;
}

/** A node that denoises, and what is to be known of it and set. */
export interface Undin {
  readonly node: AudioWorkletNode;
  /** resolves when noise is taken out, rejects with an `UndinError` when it will not be */
  readonly ready: Promise<void>;
  /** seconds by which sound comes out later than it goes in; NaN until `ready` */
  readonly latency: number;
  /** may be set while sound runs; faded */
  attenLimDb: number | null;
  /** whether the delayed input comes out as it is; faded */
  bypass: boolean;
  /** of the last tenth of a second */
  readonly levels: UndinLevels;
  /** Hear of something. Returns a function that ends it. */
  on<Type extends keyof UndinEvents>(type: Type, listener: (detail: UndinEvents[Type]) => void): () => void;
  /** Take the node out of the graph, and let its memory go. */
  dispose(): void;
}

/** Make an AudioWorkletNode that takes the noise out of speech: resolves as soon as there is a node to connect. */
export function createUndin(context: BaseAudioContext, options?: UndinOptions): Promise<Undin>;

export interface TrackOptions extends Omit<UndinOptions, "track"> {
  /** one of your own, which then stays open */
  audioContext?: AudioContext;
}

export interface ProcessedTrack {
  /** for `addTrack`, `replaceTrack` or a recorder */
  readonly track: MediaStreamTrack;
  readonly undin: Undin;
  /** End it; the track that was given goes on. */
  dispose(): Promise<void>;
}

/** Denoise a track, of a microphone say. */
export function processTrack(track: MediaStreamTrack, options?: TrackOptions): Promise<ProcessedTrack>;

/** A `TrackProcessor` of livekit-client: `await track.setProcessor(new UndinProcessor())`. */
export class UndinProcessor {
  static isSupported(): boolean;
  constructor(options?: Omit<UndinOptions, "track">);
  name: string;
  processedTrack?: MediaStreamTrack;
  /** while a track is processed */
  readonly undin: Undin | undefined;
  init(options: { track: MediaStreamTrack; audioContext?: AudioContext }): Promise<void>;
  restart(options: { track: MediaStreamTrack; audioContext?: AudioContext }): Promise<void>;
  destroy(): Promise<void>;
  onPublish(room?: unknown): Promise<void>;
  onUnpublish(): Promise<void>;
  /** Denoise, or let the delayed sound out as it is. */
  setEnabled(isEnabled: boolean): void;
}
