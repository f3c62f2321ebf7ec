/**
 * Sound as a WAV file in a Blob: what was dropped, recorded or enhanced is kept in this one form.
 *
 * The browser may keep a Blob on the disk, and only what is looked at is read, so an hour needs no more memory than a
 * minute. What was enhanced is saved by giving the Blob away.
 */

const FLOAT = 3;
const EXTENSIBLE = 0xfffe; // the format is the first word of an identifier behind the usual fields
const FLOAT_BYTES = 4;
const HEADER_BYTES = 56;
const MAX_BYTES = 2 ** 32 - HEADER_BYTES; // of samples: a WAV file counts its bytes in 32 bits
const MAX_CHUNKS = 1000; // before the samples; more is no honest file
const MAX_CHANNELS = 64; // of undin

/**
 * Samples of each format (1: whole numbers, 3: floats) and number of bits: their bytes, and how one is read.
 *
 * @type {Record<string, [number, (view: DataView, at: number) => number]>}
 */
const CODINGS = {
  "1 8": [1, (view, at) => (view.getUint8(at) - 128) / 128],
  "1 16": [2, (view, at) => view.getInt16(at, true) / 2 ** 15],
  "1 24": [3, (view, at) => (view.getUint16(at, true) + view.getInt8(at + 2) * 2 ** 16) / 2 ** 23],
  "1 32": [4, (view, at) => view.getInt32(at, true) / 2 ** 31],
  "3 32": [4, (view, at) => view.getFloat32(at, true)],
  "3 64": [8, (view, at) => view.getFloat64(at, true)],
};

export class Wav {
  /**
   * @param {Blob} blob the file
   * @param {{ sampleRate: number, channels: number, coding: string, begin: number, end: number }} layout `begin` and
   *   `end` of the samples, bytes
   */
  constructor(blob, { sampleRate, channels, coding, begin, end }) {
    this.blob = blob;
    this.sampleRate = sampleRate;
    this.channels = channels;
    this.begin = begin;
    const [bytes, sample] = CODINGS[coding];
    this.sampleBytes = bytes;
    this.sample = sample;
    /** samples of each channel */
    this.length = Math.floor((end - begin) / (bytes * channels));
  }

  /**
   * Read a file's header; undefined where it is no WAV file, or of a coding that only a browser may know.
   *
   * @param {Blob} blob
   */
  static async open(blob) {
    const head = await bytesOf(blob, 0, 12);
    if (head.byteLength < 12 || !["RIFF", "RF64"].includes(word(head, 0)) || word(head, 8) !== "WAVE") return undefined;
    let format;
    for (let at = 12, count = 0; count < MAX_CHUNKS; count++) {
      const chunk = await bytesOf(blob, at, at + 8 + 40);
      if (chunk.byteLength < 8) return undefined;
      const size = chunk.getUint32(4, true);
      if (word(chunk, 0) === "fmt " && chunk.byteLength >= 24) format = formatOf(chunk, size);
      if (word(chunk, 0) === "data") {
        if (!format) return undefined;
        const begin = at + 8;
        const isUnknown = size === 0 || size === 2 ** 32 - 1; // of what was written to a pipe, or is longer
        return new Wav(blob, { ...format, begin, end: isUnknown ? blob.size : Math.min(begin + size, blob.size) });
      }
      at += 8 + size + (size % 2);
    }
    return undefined;
  }

  /**
   * A file of floats, of what `interleaved` gave.
   *
   * @param {Blob[]} parts
   * @param {number} sampleRate
   * @param {number} channels
   */
  static of(parts, sampleRate, channels) {
    const bytes = parts.reduce((sum, part) => sum + part.size, 0);
    if (bytes > MAX_BYTES) throw new DOMException("more than a WAV file can hold", "QuotaExceededError");
    const blob = new Blob([header(bytes, sampleRate, channels), ...parts], { type: "audio/wav" });
    return new Wav(blob, { sampleRate, channels, coding: "3 32", begin: HEADER_BYTES, end: blob.size });
  }

  get seconds() {
    return this.length / this.sampleRate;
  }

  /** The samples from `begin` to `end`, a Float32Array a channel. @param {number} begin @param {number} end */
  async read(begin, end) {
    const stride = this.sampleBytes * this.channels;
    const from = Math.min(begin, this.length);
    const count = Math.max(Math.min(end, this.length) - from, 0);
    const view = await bytesOf(this.blob, this.begin + stride * from, this.begin + stride * (from + count));
    return Array.from({ length: this.channels }, (_, channel) => {
      const samples = new Float32Array(count);
      for (let i = 0, at = channel * this.sampleBytes; i < count; i++, at += stride) samples[i] = this.sample(view, at);
      return samples;
    });
  }
}

/** Samples as a WAV file has them. @param {Float32Array[]} channels @returns {Blob} */
export function interleaved(channels) {
  const view = new DataView(new ArrayBuffer(FLOAT_BYTES * channels.length * channels[0].length));
  channels.forEach((samples, channel) => {
    for (let i = 0, at = FLOAT_BYTES * channel; i < samples.length; i++, at += FLOAT_BYTES * channels.length) {
      view.setFloat32(at, samples[i], true);
    }
  });
  return new Blob([view.buffer]);
}

/** @param {DataView} chunk @param {number} size */
function formatOf(chunk, size) {
  const isExtended = chunk.getUint16(8, true) === EXTENSIBLE && size >= 40 && chunk.byteLength >= 34;
  const coding = `${chunk.getUint16(isExtended ? 32 : 8, true)} ${chunk.getUint16(22, true)}`;
  const channels = chunk.getUint16(10, true);
  if (!(coding in CODINGS) || channels < 1 || channels > MAX_CHANNELS) return undefined;
  return { sampleRate: chunk.getUint32(12, true), channels, coding };
}

/**
 * What stands before samples that are floats.
 *
 * @param {number} bytes
 * @param {number} sampleRate
 * @param {number} channels
 */
function header(bytes, sampleRate, channels) {
  const view = new DataView(new ArrayBuffer(HEADER_BYTES));
  const stride = FLOAT_BYTES * channels;
  const fields = /** @type {[number, string | number, number?][]} */ ([
    [0, "RIFF"], [4, HEADER_BYTES - 8 + bytes, 4], [8, "WAVE"],
    [12, "fmt "], [16, 16, 4], [20, FLOAT, 2], [22, channels, 2],
    [24, sampleRate, 4], [28, sampleRate * stride, 4], [32, stride, 2], [34, 8 * FLOAT_BYTES, 2],
    [36, "fact"], [40, 4, 4], [44, bytes / stride, 4],
    [48, "data"], [52, bytes, 4],
  ]);
  for (const [at, value, size] of fields) {
    if (typeof value === "string") [...value].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
    else if (size === 4) view.setUint32(at, value, true);
    else view.setUint16(at, value, true);
  }
  return view.buffer;
}

/** @param {Blob} blob @param {number} begin @param {number} end */
async function bytesOf(blob, begin, end) {
  return new DataView(await blob.slice(begin, end).arrayBuffer());
}

/** Four letters. @param {DataView} view @param {number} at */
function word(view, at) {
  return String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)));
}
