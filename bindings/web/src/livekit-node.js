import { Stream } from "./stream.js";
import { defaultModel, loadModel } from "./models.js";

const FULL_SCALE = 32768; // of the 16 bits in LiveKit's frames

/**
 * A `FrameProcessor` of @livekit/rtc-node: `new AudioStream(track, { noiseCancellation: await UndinFrameProcessor.open() })`.
 *
 * Each frame comes out as long as it went in, with the sound of `latencySamples` ago. It opens a stream with the first
 * frame, and a new one when rate or channels change. It needs no import of @livekit/rtc-node.
 */
export class UndinFrameProcessor {
  symbol = Symbol.for("lk.frame-processor"); // by which AudioStream knows processors
  #models; // by names, of which `defaultModel` takes one for each rate; one alone is for all
  #stream;
  #planes = [];
  #isEnabled = true;
  #attenLimDb;

  /** Load a model: frames are processed at once, and cannot wait for it. */
  static async open({ model, attenLimDb = null, baseUrl } = {}) {
    const names = model === undefined ? [defaultModel(16_000), defaultModel(48_000)] : [model];
    const loaded = await Promise.all(names.map((name) => loadModel(name, { baseUrl })));
    await Promise.all(loaded.map((one) => one.compile()));
    return new UndinFrameProcessor(loaded, attenLimDb);
  }

  /** Use `open`. */
  constructor(models, attenLimDb = null) {
    this.#models = [models].flat();
    this.#attenLimDb = attenLimDb;
    for (const model of this.#models) new Stream(16_000, { model, attenLimDb }); // refuses what is wrong now, and not in the midst of a call
  }

  /** By how much sound comes out later, at the rate of the last frame; 0 before the first. */
  get latencySamples() {
    return this.#stream?.latencySamples ?? 0;
  }

  get attenLimDb() {
    return this.#attenLimDb;
  }

  set attenLimDb(attenLimDb) {
    if (this.#stream) this.#stream.attenLimDb = attenLimDb;
    this.#attenLimDb = attenLimDb;
  }

  isEnabled() {
    return this.#isEnabled;
  }

  /** LiveKit does not call `process` while it is off, so that sound comes without the delay then. */
  setEnabled(enabled) {
    if (enabled && !this.#isEnabled) this.#stream?.reset();
    this.#isEnabled = enabled;
  }

  process(frame) {
    const { data, sampleRate, channels, samplesPerChannel } = frame;
    const stream = this.#open(sampleRate, channels, samplesPerChannel);
    const planes = this.#planes.map((plane) => plane.subarray(0, samplesPerChannel));
    planes.forEach((plane, channel) => {
      for (let i = 0; i < samplesPerChannel; i++) plane[i] = data[i * channels + channel] / FULL_SCALE;
    });
    stream.process(planes, planes);
    planes.forEach((plane, channel) => {
      for (let i = 0; i < samplesPerChannel; i++) data[i * channels + channel] = inInteger(plane[i]);
    });
    return frame;
  }

  onStreamInfoUpdated() {}

  onStreamInfoCleared() {}

  onCredentialsUpdated() {}

  onCredentialsCleared() {}

  close() {
    this.#stream = undefined;
    this.#planes = [];
  }

  #open(sampleRate, channels, samples) {
    if (this.#stream?.sampleRate !== sampleRate || this.#stream.channels !== channels) {
      const name = defaultModel(sampleRate);
      const model = this.#models.find((one) => one.name === name) ?? this.#models[0];
      this.#stream = new Stream(sampleRate, { model, channels, attenLimDb: this.#attenLimDb });
      this.#planes = [];
    }
    if (!(this.#planes[0]?.length >= samples)) {
      this.#planes = Array.from({ length: channels }, () => new Float32Array(samples));
    }
    return this.#stream;
  }
}

function inInteger(sample) {
  return Math.max(-FULL_SCALE, Math.min(FULL_SCALE - 1, Math.round(sample * FULL_SCALE)));
}
