import { colours } from "./palette.js";
import { meanBetween, ROWS, rowsOf } from "./spectrum.js";

const PIXELS_A_SECOND = 60;
const FLOOR_DB = -100; // of an AnalyserNode, which counts a sine at full scale as 0 dB
const CEILING_DB = -16;

/** A spectrogram of now, which moves to the left. */
export class Scroll {
  #canvas;
  #context;
  #last = 0;
  #rest = 0;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
    canvas.height = ROWS;
    this.#context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
    new ResizeObserver(() => this.#clear()).observe(canvas);
  }

  #clear() {
    this.#canvas.width = Math.max(1, Math.round(this.#canvas.clientWidth));
    this.#context.fillStyle = pixel(colours()[0]);
    this.#context.fillRect(0, 0, this.#canvas.width, ROWS);
  }

  /** Add what is heard now, as wide as the time since the last. @param {AnalyserNode} analyser */
  add(analyser) {
    const now = performance.now();
    const passed = Math.min((now - this.#last) / 1000, 0.2) * PIXELS_A_SECOND + this.#rest;
    this.#last = now;
    const columns = Math.floor(passed);
    this.#rest = passed - columns;
    if (!columns) return;
    const { width } = this.#canvas;
    this.#context.drawImage(this.#canvas, -columns, 0);
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    const palette = colours();
    rowsOf(analyser.context.sampleRate, bins.length).forEach(([begin, end], row) => {
      const level = (meanBetween(bins, begin, end) - FLOOR_DB) / (CEILING_DB - FLOOR_DB);
      this.#context.fillStyle = pixel(palette[Math.max(0, Math.min(255, Math.round(255 * level))) || 0]);
      this.#context.fillRect(width - columns, ROWS - 1 - row, columns, 1);
    });
  }
}

/** @param {number} colour as ImageData has it */
function pixel(colour) {
  return `rgb(${colour & 255} ${(colour >> 8) & 255} ${(colour >> 16) & 255})`;
}
