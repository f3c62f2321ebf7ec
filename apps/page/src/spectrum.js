/** Spectra for pictures: a Fourier transform, and rows of equal height to the ear. */

export const ROWS = 128;
export const FRAME_SAMPLES = 1024;
const BINS = FRAME_SAMPLES / 2;
const FLOOR_DB = -96; // black; 0 dB is a sine at full scale
const RANGE_DB = 84;

const TURN = (2 * Math.PI) / FRAME_SAMPLES;
const WINDOW = Float32Array.from({ length: FRAME_SAMPLES }, (_, i) => 0.5 - 0.5 * Math.cos(TURN * i));
const SCALE = (2 / FRAME_SAMPLES / 0.5) ** 2; // of a power, so that a sine at full scale is 1
const COSINES = Float32Array.from({ length: BINS }, (_, i) => Math.cos(TURN * i));
const SINES = Float32Array.from({ length: BINS }, (_, i) => -Math.sin(TURN * i));
const REVERSED = Uint16Array.from({ length: FRAME_SAMPLES }, (_, i) => {
  let reversed = 0;
  for (let bit = 1; bit < FRAME_SAMPLES; bit *= 2) reversed = 2 * reversed + (i & bit ? 1 : 0);
  return reversed;
});

const mel = (/** @type {number} */ hz) => Math.log1p(hz / 700);
const hz = (/** @type {number} */ mels) => 700 * Math.expm1(mels);

/**
 * Where a frequency is between the bottom, 0, and the top, 1, of a picture.
 *
 * @param {number} frequency Hz
 * @param {number} sampleRate
 */
export function heightOf(frequency, sampleRate) {
  return mel(frequency) / mel(sampleRate / 2);
}

/**
 * For each row, from the bottom, the first and last bin that it shows, in parts of a bin.
 *
 * @param {number} sampleRate
 * @param {number} bins
 */
export function rowsOf(sampleRate, bins = BINS) {
  const edge = (/** @type {number} */ row) => (hz((row / ROWS) * mel(sampleRate / 2)) / (sampleRate / 2)) * (bins - 1);
  return Array.from({ length: ROWS }, (_, row) => /** @type {[number, number]} */ ([edge(row), edge(row + 1)]));
}

const real = new Float32Array(FRAME_SAMPLES);
const imaginary = new Float32Array(FRAME_SAMPLES);

/** Add the powers of a frame's bins to what is there. @param {Float32Array} frame @param {Float32Array} powers */
export function addPowers(frame, powers) {
  for (let i = 0; i < FRAME_SAMPLES; i++) real[REVERSED[i]] = (frame[i] ?? 0) * WINDOW[i];
  imaginary.fill(0);
  for (let half = 1; half < FRAME_SAMPLES; half *= 2) {
    const step = BINS / half;
    for (let group = 0; group < FRAME_SAMPLES; group += 2 * half) {
      for (let i = 0; i < half; i++) {
        const even = group + i;
        const odd = even + half;
        const cosine = COSINES[i * step];
        const sine = SINES[i * step];
        const x = cosine * real[odd] - sine * imaginary[odd];
        const y = cosine * imaginary[odd] + sine * real[odd];
        real[odd] = real[even] - x;
        imaginary[odd] = imaginary[even] - y;
        real[even] += x;
        imaginary[even] += y;
      }
    }
  }
  for (let bin = 0; bin < BINS; bin++) powers[bin] += SCALE * (real[bin] ** 2 + imaginary[bin] ** 2);
}

/**
 * Powers of bins as bytes of rows.
 *
 * @param {Float32Array} powers
 * @param {[number, number][]} rows
 * @param {Uint8Array} out
 */
export function writeRows(powers, rows, out) {
  for (let row = 0; row < ROWS; row++) {
    const [begin, end] = rows[row];
    const decibels = 10 * Math.log10(meanBetween(powers, begin, end) + 1e-12);
    out[row] = Math.max(0, Math.min(255, (255 * (decibels - FLOOR_DB)) / RANGE_DB));
  }
}

/**
 * The mean from one place to another; where they lie within one bin, between its neighbours.
 *
 * @param {ArrayLike<number>} values
 * @param {number} begin
 * @param {number} end
 */
export function meanBetween(values, begin, end) {
  const from = Math.round(begin);
  const to = Math.round(end);
  if (to - from >= 2) {
    let sum = 0;
    for (let i = from; i < to; i++) sum += values[i];
    return sum / (to - from);
  }
  const middle = (begin + end) / 2;
  const below = Math.floor(middle);
  const above = Math.min(below + 1, values.length - 1);
  return values[below] + (middle - below) * (values[above] - values[below]);
}
