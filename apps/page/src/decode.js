import { sampleRateOf } from "./sample-rate.js";
import { interleaved, Wav } from "./wav.js";

const MIN_HZ = 4_000; // of undin
const MAX_HZ = 384_000;
const USUAL_HZ = 48_000;
const PART_SECONDS = 10;
const MAX_DECODED_BYTES = 2 ** 31; // browsers decode all at once: an hour and a half of stereo at 48 kHz
const METADATA_SECONDS = 5; // until a browser that does not tell how long a file is, is not asked any more

/**
 * Open a recording.
 *
 * A WAV file is read where it lies, at any length. All else the browser decodes, at once, since it knows no other way;
 * what comes of it is put aside in parts.
 *
 * @param {Blob} file
 * @returns {Promise<Wav>}
 * @throws {DOMException} EncodingError: the browser cannot decode it; QuotaExceededError: too long to be decoded
 * @throws {RangeError} of a sample rate that undin does not take
 */
export async function open(file) {
  const wav = (await Wav.open(file)) ?? stored(await decoded(file));
  if (wav.sampleRate < MIN_HZ || wav.sampleRate > MAX_HZ) throw new RangeError(`sample rate ${wav.sampleRate}`);
  return wav;
}

/** @param {Blob} file */
async function decoded(file) {
  const sampleRate = (await sampleRateOf(file)) ?? USUAL_HZ;
  const bytes = (await secondsOf(file)) * sampleRate * 2 * Float32Array.BYTES_PER_ELEMENT;
  if (bytes > MAX_DECODED_BYTES) throw new DOMException("too long to be decoded", "QuotaExceededError");
  return contextOf(sampleRate).decodeAudioData(await file.arrayBuffer());
}

/** A context of a rate, or, where the browser has none of it, of the usual one. @param {number} sampleRate */
function contextOf(sampleRate) {
  try {
    return new OfflineAudioContext(1, 1, sampleRate);
  } catch {
    return new OfflineAudioContext(1, 1, USUAL_HZ);
  }
}

/** How long a file is; 0 where the browser does not tell. @param {Blob} file @returns {Promise<number>} */
function secondsOf(file) {
  const player = new Audio();
  const url = URL.createObjectURL(file);
  return new Promise((/** @type {(seconds: number) => void} */ resolve) => {
    player.onloadedmetadata = () => resolve(Number.isFinite(player.duration) ? player.duration : 0);
    player.onerror = () => resolve(0);
    setTimeout(resolve, 1000 * METADATA_SECONDS, 0);
    player.preload = "metadata";
    player.src = url;
  }).finally(() => {
    player.removeAttribute("src");
    URL.revokeObjectURL(url);
  });
}

/** @param {AudioBuffer} buffer */
function stored(buffer) {
  const { sampleRate, length, numberOfChannels } = buffer;
  const channels = Array.from({ length: numberOfChannels }, (_, channel) => buffer.getChannelData(channel));
  const parts = [];
  for (let at = 0; at < length; at += PART_SECONDS * sampleRate) {
    parts.push(interleaved(channels.map((samples) => samples.subarray(at, at + PART_SECONDS * sampleRate))));
  }
  return Wav.of(parts, sampleRate, numberOfChannels);
}
