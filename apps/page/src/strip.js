import { colours, onTheme, picture } from "./palette.js";
import { ROWS } from "./spectrum.js";

const MAX_COLUMNS = 1600;
const QUIET_MS = 60; // after a change of the view, before it is looked at closely

/**
 * One spectrogram: what is known is drawn at once, stretched, and again when the part that is seen has been looked at.
 */
export class Strip {
  #canvas;
  #context;
  /** @type {Worker | undefined} */
  #worker;
  /** @type {import("./wav.js").Wav | undefined} */
  #wav;
  #view = { begin: 0, end: 1 };
  /**
   * @type {{ canvas: OffscreenCanvas | HTMLCanvasElement, levels: Uint8Array, begin: number, end: number } | undefined}
   */
  #known;
  #id = 0;
  /** @type {{ begin: number, end: number } | undefined} */
  #asked;
  #timer = 0;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
    new ResizeObserver(() => this.#resize()).observe(canvas);
    onTheme(() => this.#paint());
  }

  /** @param {import("./wav.js").Wav | undefined} wav */
  show(wav) {
    this.#wav = wav;
    this.#known = undefined;
    this.#canvas.dataset.state = wav ? "looking" : "empty";
    this.#draw();
  }

  /** @param {{ begin: number, end: number }} view seconds */
  look(view) {
    this.#view = view;
    this.#draw();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), this.#known ? QUIET_MS : 0);
  }

  #resize() {
    const { width, height } = this.#canvas.getBoundingClientRect();
    this.#canvas.width = Math.max(1, Math.round(width * devicePixelRatio));
    this.#canvas.height = Math.max(1, Math.round(height * devicePixelRatio));
    this.look(this.#view);
  }

  #ask() {
    const wav = this.#wav;
    if (!wav?.length || !this.#canvas.getClientRects().length) return;
    this.#worker ??= this.#open();
    this.#asked = { ...this.#view };
    const begin = this.#asked.begin * wav.sampleRate;
    const end = this.#asked.end * wav.sampleRate;
    const columns = Math.min(this.#canvas.width, MAX_COLUMNS);
    this.#worker.postMessage({ id: ++this.#id, blob: wav.blob, begin, end, columns });
  }

  #open() {
    const worker = new Worker(new URL("./spectrum-worker.js", import.meta.url), { type: "module" });
    worker.onmessage = ({ data: { id, bytes } }) => {
      if (id !== this.#id || !bytes || !this.#asked) return;
      const canvas = document.createElement("canvas");
      canvas.width = bytes.length / ROWS;
      canvas.height = ROWS;
      this.#known = { canvas, levels: bytes, ...this.#asked };
      this.#paint();
      this.#canvas.dataset.state = "shown";
    };
    return worker;
  }

  /** Colour what is known. */
  #paint() {
    if (this.#known) {
      const { canvas, levels } = this.#known;
      const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
      context.putImageData(picture(levels, canvas.width, ROWS), 0, 0);
    }
    this.#draw();
  }

  #draw() {
    const { width, height } = this.#canvas;
    const [nothing] = colours();
    this.#context.fillStyle = `rgb(${nothing & 255} ${(nothing >> 8) & 255} ${(nothing >> 16) & 255})`;
    this.#context.fillRect(0, 0, width, height);
    if (!this.#known) return;
    const { begin, end } = this.#view;
    const scale = width / (end - begin);
    const x = (this.#known.begin - begin) * scale;
    this.#context.drawImage(this.#known.canvas, x, 0, (this.#known.end - this.#known.begin) * scale, height);
  }
}
