import { defaultModel, loadModel, Model } from "./models.js";
import { WasmStream } from "./wasm-stream.js";

const MIN_SAMPLE_RATE_HZ = 4_000;
const MAX_SAMPLE_RATE_HZ = 384_000;
const MAX_CHANNELS = 64;

/**
 * Denoise a signal that comes in blocks, in real time: the same class as Python's `Stream`.
 *
 * Any sample rate, any block size, any number of channels in, the same out, `latencySamples` later.
 */
export class Stream {
  #stream;
  #attenLimDb = null;
  #bypass = false;
  #linkChannels;

  /** Load a model, and open a stream on it. */
  static async open(sampleRate, { model, baseUrl, ...options } = {}) {
    const loaded = await loadModel(model ?? defaultModel(sampleRate), { baseUrl });
    await loaded.compile();
    return new Stream(sampleRate, { ...options, model: loaded });
  }

  /**
   * @param {number} sampleRate Hz, 4,000 to 384,000
   * @param {{ model: Model, channels?: number, attenLimDb?: number | null }} options
   */
  constructor(sampleRate, { model, channels = 1, attenLimDb = null } = {}) {
    if (!Number.isInteger(sampleRate) || sampleRate < MIN_SAMPLE_RATE_HZ || sampleRate > MAX_SAMPLE_RATE_HZ) {
      throw new RangeError(
        `sampleRate must be ${MIN_SAMPLE_RATE_HZ} to ${MAX_SAMPLE_RATE_HZ} whole Hz, got ${sampleRate}`,
      );
    }
    if (!Number.isInteger(channels) || channels < 1 || channels > MAX_CHANNELS) {
      throw new RangeError(`channels must be 1 to ${MAX_CHANNELS}, got ${channels}`);
    }
    if (!(model instanceof Model)) {
      throw new TypeError("model must be loaded: pass `await loadModel(name)`, or call `await Stream.open(…)`");
    }
    this.sampleRate = sampleRate;
    this.channels = channels;
    this.model = model;
    this.#stream = new WasmStream(model.module, model.symbol, sampleRate, channels, sampleRate);
    this.latencySamples = this.#stream.latencySamples;
    this.#linkChannels = channels === 2;
    this.attenLimDb = attenLimDb;
  }

  /** The most that any sound is attenuated, dB; null for no limit. A change is faded in over the next hop. */
  get attenLimDb() {
    return this.#attenLimDb;
  }

  set attenLimDb(attenLimDb) {
    if (attenLimDb !== null && typeof attenLimDb !== "number") {
      throw new TypeError(`attenLimDb must be a number of dB, or null for no limit, got ${attenLimDb}`);
    }
    this.#stream.setAttenLimDb(attenLimDb);
    this.#attenLimDb = attenLimDb;
  }

  /** Whether the delayed input comes out as it is. */
  get bypass() {
    return this.#bypass;
  }

  set bypass(bypass) {
    this.#bypass = Boolean(bypass);
    this.#stream.setBypass(this.#bypass);
  }

  /** Whether all channels get the same gain, or each its own. */
  get linkChannels() {
    return this.#linkChannels;
  }

  set linkChannels(linkChannels) {
    this.#linkChannels = Boolean(linkChannels);
    this.#stream.setLinkChannels(this.#linkChannels);
  }

  /** Levels of the last block, of its last second if it is longer. */
  get levels() {
    const [inputDbfs, outputDbfs, reductionDb, presence] = this.#stream.levels();
    return { inputDbfs, outputDbfs, reductionDb, presence };
  }

  /** Go back to the fresh state: silence came before the next sample. */
  reset() {
    this.#stream.reset();
  }

  /**
   * Enhance the next block.
   *
   * @param {Float32Array | Float32Array[]} block any number of samples in [-1, 1]; an array of channels, or, for one
   *   channel, its samples
   * @param {Float32Array | Float32Array[]} [out] where the result goes; it may be `block`
   * @returns {Float32Array | Float32Array[]} the enhanced signal of `latencySamples` ago, of the block's kind
   */
  process(block, out) {
    const inputs = this.#planes(block, "block");
    const samples = inputs[0].length;
    out ??= block instanceof Float32Array ? new Float32Array(samples) : inputs.map(() => new Float32Array(samples));
    const outputs = this.#planes(out, "out");
    if (outputs[0].length !== samples) {
      throw new RangeError(`out must be as long as the block, ${samples} samples, got ${outputs[0].length}`);
    }
    const { channels: inside } = this.#stream;
    for (let begin = 0; begin < samples; begin += this.sampleRate) {
      const count = Math.min(this.sampleRate, samples - begin);
      inputs.forEach((input, channel) => inside[channel].set(input.subarray(begin, begin + count)));
      this.#stream.run(count);
      outputs.forEach((output, channel) => output.set(inside[channel].subarray(0, count), begin));
    }
    return out;
  }

  /**
   * Return the last `latencySamples` of the enhanced signal and go back to the fresh state.
   *
   * @returns {Float32Array[]} an array of channels
   */
  flush() {
    this.#stream.flush();
    return this.#stream.channels.map((channel) => channel.slice(0, this.latencySamples));
  }

  /** The channels of a block; an error if it does not fit. */
  #planes(block, name) {
    const planes = block instanceof Float32Array ? [block] : block;
    if (!Array.isArray(planes) || planes.length !== this.channels) {
      const got = Array.isArray(planes) ? `${planes.length}` : typeof planes;
      throw new TypeError(`${name} must be an array of ${this.channels} Float32Array, one a channel, got ${got}`);
    }
    for (const plane of planes) {
      if (!(plane instanceof Float32Array)) throw new TypeError(`${name} must hold samples in [-1, 1], as Float32Array`);
      if (plane.length !== planes[0].length) throw new RangeError(`channels of ${name} must have the same length`);
    }
    return planes;
  }
}
