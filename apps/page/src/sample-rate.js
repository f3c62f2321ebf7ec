/**
 * The sample rate that a file's header tells.
 *
 * `decodeAudioData` gives the rate of its context whatever the file has, so the context must have the file's; and no
 * browser tells it. Each format is asked for its one field; a file that is none of them is decoded at 48 kHz.
 */

const HEAD_BYTES = 1 << 16;
const MAX_BOXES = 1000;
const MAX_DEPTH = 8;
const MP3_HZ = [44_100, 48_000, 32_000];
const ADTS_HZ = [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000];
const HALVED = [2, 0, 1, 0]; // how often, by the version of MPEG: 2.5, none, 2, 1
const OPUS_HZ = 48_000; // whatever was encoded

/** @param {Blob} blob @returns {Promise<number | undefined>} Hz */
export async function sampleRateOf(blob) {
  const start = await skipTags(blob);
  const head = new DataView(await blob.slice(start, start + HEAD_BYTES).arrayBuffer());
  if (head.byteLength < 64) return undefined;
  const text = (/** @type {number} */ at, /** @type {number} */ count = 4) =>
    String.fromCharCode(...new Uint8Array(head.buffer, at, count));
  if (text(0) === "fLaC") return (head.getUint32(18) >>> 12) || undefined;
  if (text(0) === "OggS") return ofOgg(head, text);
  if (text(4) === "ftyp") return ofMp4(blob);
  if (head.getUint32(0) === 0x1a45dfa3) return OPUS_HZ; // WebM, of which speech is Opus
  if (text(0) === "FORM") return ofAiff(head, text);
  return ofMp3(head);
}

/** Behind an ID3 tag. @param {Blob} blob */
async function skipTags(blob) {
  const head = new Uint8Array(await blob.slice(0, 10).arrayBuffer());
  if (String.fromCharCode(...head.subarray(0, 3)) !== "ID3") return 0;
  return 10 + head.subarray(6, 10).reduce((size, byte) => size * 128 + (byte & 127), 0);
}

/** @param {DataView} head @param {(at: number, count?: number) => string} text */
function ofOgg(head, text) {
  const packet = 27 + head.getUint8(26);
  if (packet + 40 > head.byteLength) return undefined;
  if (text(packet, 8) === "OpusHead") return OPUS_HZ;
  if (text(packet + 1, 6) === "vorbis") return head.getUint32(packet + 12, true);
  if (text(packet + 1) === "FLAC") return head.getUint32(packet + 27) >>> 12;
  return undefined;
}

/** Of the first frame, of MP3 or of AAC in ADTS. @param {DataView} head */
function ofMp3(head) {
  for (let at = 0; at + 8 < head.byteLength; at++) {
    const bits = head.getUint32(at);
    if (bits >>> 20 !== 0xfff && bits >>> 20 !== 0xffe) continue;
    const layer = (bits >>> 17) & 3;
    if (layer === 0 && bits >>> 20 === 0xfff) {
      const size = ((bits & 3) << 11) | (head.getUint16(at + 4) >>> 5);
      const next = at + size;
      if (size < 7 || next + 2 > head.byteLength || head.getUint16(next) >>> 4 !== 0xfff) continue;
      return ADTS_HZ[(bits >>> 10) & 15];
    }
    const version = (bits >>> 19) & 3;
    const index = (bits >>> 10) & 3;
    if (version === 1 || layer === 0 || index === 3 || ((bits >>> 12) & 15) === 15) continue;
    return MP3_HZ[index] / 2 ** HALVED[version];
  }
  return undefined;
}

/** @param {DataView} head @param {(at: number, count?: number) => string} text */
function ofAiff(head, text) {
  for (let at = 12; at + 26 < head.byteLength; at += 8 + head.getUint32(at + 4) + (head.getUint32(at + 4) % 2)) {
    if (text(at) !== "COMM") continue;
    const exponent = head.getUint16(at + 16) - 16383 - 31; // of an extended float, whose first half has all of a rate
    return Math.round(head.getUint32(at + 18) * 2 ** exponent) || undefined;
  }
  return undefined;
}

/** Of the first track of sound: its entry in moov/trak/mdia/minf/stbl/stsd. @param {Blob} blob */
async function ofMp4(blob) {
  let boxes = 0;
  /** @param {number} begin @param {number} end @param {number} depth @returns {Promise<number | undefined>} */
  const search = async (begin, end, depth) => {
    for (let at = begin; at + 8 <= end && boxes++ < MAX_BOXES;) {
      const head = new DataView(await blob.slice(at, at + 64).arrayBuffer());
      if (head.byteLength < 16) return undefined;
      const size = head.getUint32(0) === 1 ? Number(head.getBigUint64(8)) : head.getUint32(0) || end - at;
      const kind = String.fromCharCode(...new Uint8Array(head.buffer, 4, 4));
      if (size < 8) return undefined;
      if (["moov", "trak", "mdia", "minf", "stbl"].includes(kind) && depth < MAX_DEPTH) {
        const rate = await search(at + 8, at + size, depth + 1);
        if (rate) return rate;
      }
      const isEntry = kind === "stsd" && head.byteLength >= 52;
      const entry = isEntry ? String.fromCharCode(...new Uint8Array(head.buffer, 20, 4)) : "";
      if (entry === "Opus") return OPUS_HZ;
      if (["mp4a", "fLaC", "alac"].includes(entry)) return head.getUint16(48) || undefined; // the whole part of a 16.16
      at += size;
    }
    return undefined;
  };
  return search(0, blob.size, 0);
}
