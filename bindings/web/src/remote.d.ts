export interface RemoteOptions {
  /** Hz; 16,000 if not given */
  sampleRate?: number;
  /** 1 if not given */
  channels?: number;
  /** one of the server's; its default if not given */
  model?: string;
  /** the most that any sound is attenuated, dB; null, if not given, sets no limit */
  attenLimDb?: number | null;
  bypass?: boolean;
  /** what the server wants to see, if it does */
  token?: string;
  /** where there is none, in Node before 22: that of the package ws */
  WebSocket?: unknown;
}

/** A `Stream` on a server, where `undin serve` runs. Errors are `UndinError`s with the code "server". */
export class RemoteStream {
  /** @param url of the server, such as ws://127.0.0.1:8000 */
  static open(url: string, options?: RemoteOptions): Promise<RemoteStream>;
  readonly model: string;
  readonly sampleRate: number;
  readonly channels: number;
  /** by how much the output comes after the input, samples at `sampleRate`; the way there and back is not in it */
  readonly latencySamples: number;
  /** may be set while sound runs; the change counts from the next block on, and is faded in */
  attenLimDb: number | null;
  /** whether the delayed input comes out as it is; likewise */
  bypass: boolean;
  /** Enhance the next block, of any length; others may follow before its answer has come. */
  process(block: Float32Array): Promise<Float32Array>;
  process(block: Float32Array[]): Promise<Float32Array[]>;
  /** Return the last `latencySamples` of the enhanced signal; a new signal may follow. */
  flush(): Promise<Float32Array[]>;
  close(): void;
}
