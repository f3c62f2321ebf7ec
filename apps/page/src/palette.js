/**
 * Colours of spectrograms: from the page's paper over its one colour to its ink, as style.css has them in each theme.
 */

const LEVELS = 256;

/** @type {Set<() => void>} */
const listeners = new Set();
/** @type {Uint32Array | undefined} */
let palette;

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  palette = undefined;
  for (const listener of listeners) listener();
});

/** Hear of another theme. @param {() => void} listener */
export function onTheme(listener) {
  listeners.add(listener);
}

/** A pixel for each level, as ImageData has them. @returns {Uint32Array} */
export function colours() {
  if (palette) return palette;
  const list = getComputedStyle(document.documentElement).getPropertyValue("--spectrum").trim().split(/\s+/);
  const stops = list.map((stop) => [1, 3, 5].map((at) => parseInt(stop.slice(at, at + 2), 16)));
  const bytes = new Uint8ClampedArray(4 * LEVELS);
  for (let level = 0; level < LEVELS; level++) {
    const place = (level / (LEVELS - 1)) * (stops.length - 1);
    const below = Math.min(Math.floor(place), stops.length - 2);
    const mixed = stops[below].map((from, i) => from + (place - below) * (stops[below + 1][i] - from));
    bytes.set([...mixed, 255], 4 * level);
  }
  palette = new Uint32Array(bytes.buffer);
  return palette;
}

/**
 * A picture of columns of levels, lowest first.
 *
 * @param {Uint8Array} levels @param {number} columns @param {number} rows
 */
export function picture(levels, columns, rows) {
  const image = new ImageData(columns, rows);
  const pixels = new Uint32Array(image.data.buffer);
  const palette = colours();
  for (let column = 0; column < columns; column++) {
    for (let row = 0; row < rows; row++) {
      pixels[(rows - 1 - row) * columns + column] = palette[levels[column * rows + row]];
    }
  }
  return image;
}
