/**
 * Looks at a part of a recording: a column for each pixel of a picture. A newer question ends the answer to an older.
 */
import { addPowers, FRAME_SAMPLES, ROWS, rowsOf, writeRows } from "./spectrum.js";
import { Wav } from "./wav.js";

const FRAMES_A_COLUMN = 4; // evenly spread over its time, at the most
const BATCH = 64; // columns that are read together

let newest = 0;

/**
 * @param {{ id: number, blob: Blob, begin: number, end: number, columns: number }} question places in samples
 */
async function answer({ id, blob, begin, end, columns }) {
  const wav = /** @type {Wav} */ (await Wav.open(blob));
  const rows = rowsOf(wav.sampleRate);
  const width = (end - begin) / columns;
  const frames = Math.max(1, Math.min(FRAMES_A_COLUMN, Math.round((2 * width) / FRAME_SAMPLES)));
  const bytes = new Uint8Array(columns * ROWS);
  const powers = new Float32Array(FRAME_SAMPLES / 2);
  for (let from = 0; from < columns; from += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, columns - from) }, (_, i) => from + i);
    const read = await readerOf(wav, begin + from * width, begin + (from + batch.length) * width, frames / width);
    const places = batch.flatMap((column) => Array.from({ length: frames }, (_, k) => column + (k + 0.5) / frames));
    const samples = await Promise.all(places.map((place) => read(begin + place * width)));
    if (id !== newest) return;
    batch.forEach((column, i) => {
      powers.fill(0);
      for (let k = 0; k < frames; k++) addPowers(samples[i * frames + k], powers);
      for (let bin = 0; bin < powers.length; bin++) powers[bin] /= frames;
      writeRows(powers, rows, bytes.subarray(column * ROWS, (column + 1) * ROWS));
    });
  }
  postMessage({ id, bytes }, { transfer: [bytes.buffer] });
}

/**
 * A function that gives the frame around a sample: out of all that lies between, read at once, or, where most of it
 * would not be looked at, by itself.
 *
 * @param {Wav} wav @param {number} begin @param {number} end @param {number} framesASample
 */
async function readerOf(wav, begin, end, framesASample) {
  const isSparse = framesASample * FRAME_SAMPLES < 0.25;
  const from = Math.max(0, Math.floor(begin - FRAME_SAMPLES));
  const all = isSparse ? undefined : mono(await wav.read(from, Math.ceil(end + FRAME_SAMPLES)));
  return async (/** @type {number} */ place) => {
    const at = Math.max(0, Math.round(place - FRAME_SAMPLES / 2));
    return all ? all.subarray(at - from, at - from + FRAME_SAMPLES) : mono(await wav.read(at, at + FRAME_SAMPLES));
  };
}

/** @param {Float32Array[]} channels */
function mono(channels) {
  if (channels.length === 1) return channels[0];
  return channels[0].map((_, i) => channels.reduce((sum, channel) => sum + channel[i], 0) / channels.length);
}

onmessage = ({ data }) => {
  newest = data.id;
  answer(data).catch(({ message }) => postMessage({ id: data.id, error: message }));
};
