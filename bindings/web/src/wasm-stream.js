const PAGE_BYTES = 65536;
const FLOAT_BYTES = 4;
const LEVELS = 4; // floats in undin_levels

/**
 * An undin_stream of undin.h, in an instance of a model's WebAssembly of its own.
 *
 * Memory behind the program's own: the stream, a pointer for each channel, levels, samples of each channel. It is taken
 * once, so that nothing is allocated while sound runs.
 */
export class WasmStream {
  /**
   * @param {WebAssembly.Module} module what `undin compile --target wasm32` made of a model
   * @param {string} symbol the model's name in C
   * @param {number} sampleRate Hz
   * @param {number} channels
   * @param {number} capacity samples of a channel that are processed at a time, at the most
   */
  constructor(module, symbol, sampleRate, channels, capacity) {
    const undin = new WebAssembly.Instance(module).exports;
    const model = undin[symbol].value;
    const stream = multipleOf16(undin.__heap_base.value);
    const pointers = multipleOf16(stream + undin.undin_stream_bytes(model, sampleRate, channels));
    const levels = multipleOf16(pointers + FLOAT_BYTES * channels);
    reserve(undin.memory, levels);
    const error = undin.undin_stream_init(stream, model, sampleRate, channels);
    if (error) throw new RangeError(text(undin.memory, undin.undin_error(error)));
    this.latencySamples = undin.undin_stream_latency_samples(stream);
    this.capacity = Math.max(capacity, this.latencySamples);
    const samples = levels + FLOAT_BYTES * LEVELS;
    const place = (channel) => samples + FLOAT_BYTES * this.capacity * channel;
    reserve(undin.memory, place(channels));
    this.undin = undin;
    this.stream = stream;
    this.pointers = pointers;
    this.levelsAddress = levels;
    this.channels = Array.from({ length: channels }, (_, channel) => {
      new DataView(undin.memory.buffer).setUint32(pointers + FLOAT_BYTES * channel, place(channel), true);
      return new Float32Array(undin.memory.buffer, place(channel), this.capacity);
    });
    this.levelsMemory = new Float32Array(undin.memory.buffer, levels, LEVELS);
  }

  /** Enhance what lies in `channels`, in place. */
  run(samples) {
    this.undin.undin_stream_process(this.stream, this.pointers, this.pointers, 1, samples);
  }

  /** Write the last `latencySamples` samples to `channels`, and go back to a fresh state. */
  flush() {
    this.undin.undin_stream_flush(this.stream, this.pointers, 1);
  }

  reset() {
    this.undin.undin_stream_reset(this.stream);
  }

  /** @param {number | null} attenLimDb null for no limit */
  setAttenLimDb(attenLimDb) {
    const error = this.undin.undin_stream_set_atten_lim_db(this.stream, attenLimDb ?? Infinity);
    if (error) throw new RangeError(`${text(this.undin.memory, this.undin.undin_error(error))}, got ${attenLimDb}`);
  }

  setBypass(bypass) {
    this.undin.undin_stream_set_bypass(this.stream, bypass ? 1 : 0);
  }

  setLinkChannels(linkChannels) {
    this.undin.undin_stream_set_link_channels(this.stream, linkChannels ? 1 : 0);
  }

  /** @returns {Float32Array} of the last block: input, output (dBFS), reduction (dB), presence; valid until the next call */
  levels() {
    this.undin.undin_stream_get_levels(this.stream, this.levelsAddress);
    return this.levelsMemory;
  }
}

function multipleOf16(address) {
  return (address + 15) & ~15;
}

/** Make memory reach up to an address. */
function reserve(memory, end) {
  const missing = end - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES));
}

/** A string of C. Worklets have no TextDecoder. */
function text(memory, address) {
  const bytes = new Uint8Array(memory.buffer, address);
  return String.fromCharCode(...bytes.subarray(0, bytes.indexOf(0)));
}
