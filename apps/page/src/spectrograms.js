import { clock, say } from "./words.js";
import { heightOf } from "./spectrum.js";
import { Strip } from "./strip.js";

const MIN_SECONDS = 0.25; // that fill the width
const ZOOM = 2; // a press of a button
const STEPS_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
const LABEL_PIXELS = 72;
const FREQUENCIES_HZ = [250, 1000, 4000, 10_000];
const CLICK_PIXELS = 4; // moved less, a press is a click

/** Spectrograms before and after, that scroll and zoom in step; a click or an arrow key goes to another place. */
export class Spectrograms {
  #root;
  #before;
  #after;
  #onSeek;
  #view = { begin: 0, end: 1 };
  #seconds = 0;
  #position = 0;
  /** where fingers are, pixels @type {Map<number, number>} */
  #pointers = new Map();
  #moved = 0;

  /** @param {HTMLElement} root @param {{ onSeek: (seconds: number) => void }} options */
  constructor(root, { onSeek }) {
    this.#root = root;
    this.#onSeek = onSeek;
    this.#before = new Strip(this.#find("#before"));
    this.#after = new Strip(this.#find("#after"));
    const plot = this.#plot;
    plot.addEventListener("keydown", (event) => this.#onKey(event));
    plot.addEventListener("wheel", (event) => this.#onWheel(event), { passive: false });
    plot.addEventListener("pointerdown", (event) => this.#onDown(event));
    plot.addEventListener("pointermove", (event) => this.#onMove(event));
    for (const type of ["pointerup", "pointercancel"]) {
      plot.addEventListener(type, (event) => this.#onUp(/** @type {PointerEvent} */ (event)));
    }
    this.#find("#zoom-in").addEventListener("click", () => this.zoom(ZOOM));
    this.#find("#zoom-out").addEventListener("click", () => this.zoom(1 / ZOOM));
    this.#find("#zoom-whole").addEventListener("click", () => this.zoom(0));
    this.#scroll.addEventListener("input", () => this.#moveTo(Number(this.#scroll.value)));
    new ResizeObserver(() => this.#label()).observe(plot);
  }

  /** Another recording. @param {import("./wav.js").Wav} before */
  open(before) {
    this.#seconds = before.seconds;
    this.#view = { begin: 0, end: before.seconds };
    this.#position = 0;
    this.#before.show(before);
    this.#after.show(undefined);
    for (const mark of this.#root.querySelectorAll(".hertz")) {
      mark.replaceChildren(...FREQUENCIES_HZ.filter((hertz) => hertz < 0.42 * before.sampleRate).map((hertz) => {
        const label = document.createElement("span");
        label.style.bottom = `${100 * heightOf(hertz, before.sampleRate)}%`;
        label.textContent = hertz < 1000 ? `${hertz} Hz` : `${hertz / 1000} kHz`;
        return label;
      }));
    }
    this.#look();
  }

  /** What has become of it; undefined if nothing has. @param {import("./wav.js").Wav | undefined} after */
  showAfter(after) {
    this.#after.show(after);
    this.#after.look(this.#view);
  }

  /**
   * Where it is played, seconds; with `follow`, the view goes there.
   *
   * @param {number} position
   * @param {boolean} [follow]
   */
  place(position, follow = false) {
    this.#position = position;
    const { begin, end } = this.#view;
    if (follow && (position < begin || position >= end)) return this.#moveTo(position);
    this.#mark();
  }

  /**
   * Make a second longer, around where it is played or else around the middle; 0 shows the whole.
   *
   * @param {number} factor
   * @param {number} [center]
   */
  zoom(factor, center) {
    const { begin, end } = this.#view;
    const isSeen = this.#position >= begin && this.#position <= end;
    const fixed = center ?? (isSeen ? this.#position : (begin + end) / 2);
    const wanted = factor ? (end - begin) / factor : Infinity;
    const width = Math.min(Math.max(wanted, Math.min(MIN_SECONDS, this.#seconds)), this.#seconds);
    this.#view.end = begin + width;
    this.#moveTo(fixed - ((fixed - begin) / (end - begin)) * width);
  }

  /** Labels in another language. */
  translate() {
    this.#mark();
  }

  get #plot() {
    return /** @type {HTMLElement} */ (this.#find("#plot"));
  }

  get #scroll() {
    return /** @type {HTMLInputElement} */ (this.#find("#scroll"));
  }

  /** @param {string} selector @returns {any} */
  #find(selector) {
    return this.#root.querySelector(selector);
  }

  /** @param {number} begin */
  #moveTo(begin) {
    const width = this.#view.end - this.#view.begin;
    const from = Math.max(0, Math.min(begin, this.#seconds - width));
    this.#view = { begin: from, end: from + width };
    this.#look();
  }

  #look() {
    this.#before.look(this.#view);
    this.#after.look(this.#view);
    const width = this.#view.end - this.#view.begin;
    const isWhole = width >= this.#seconds;
    this.#scroll.hidden = isWhole;
    this.#scroll.max = String(this.#seconds - width);
    this.#scroll.step = String(width / 10);
    this.#scroll.value = String(this.#view.begin);
    this.#find("#zoom-out").disabled = this.#find("#zoom-whole").disabled = isWhole;
    this.#find("#zoom-in").disabled = width <= MIN_SECONDS;
    this.#label();
    this.#mark();
  }

  /** Write times below. */
  #label() {
    const { begin, end } = this.#view;
    const most = Math.max(1, this.#plot.clientWidth / LABEL_PIXELS);
    const step = STEPS_SECONDS.find((seconds) => (end - begin) / seconds <= most) ?? 7200;
    const labels = [];
    for (let time = Math.ceil(begin / step) * step; time < end - step / 4; time += step) {
      const label = document.createElement("span");
      label.style.left = `${(100 * (time - begin)) / (end - begin)}%`;
      label.textContent = clock(time, step < 1);
      labels.push(label);
    }
    this.#find("#times").replaceChildren(...labels);
  }

  /** Put the line to where it is played. */
  #mark() {
    const { begin, end } = this.#view;
    const share = (this.#position - begin) / (end - begin);
    const line = this.#find("#playhead");
    line.hidden = !(share >= 0 && share <= 1);
    line.style.left = `${100 * share}%`;
    const plot = this.#plot;
    const text = say("position", { position: clock(this.#position), length: clock(this.#seconds) });
    plot.setAttribute("aria-valuemax", this.#seconds.toFixed(2));
    plot.setAttribute("aria-valuenow", this.#position.toFixed(2));
    plot.setAttribute("aria-valuetext", text);
  }

  /** @param {PointerEvent | WheelEvent} event the time below it, seconds */
  #timeAt({ clientX }) {
    const { left, width } = this.#plot.getBoundingClientRect();
    return this.#view.begin + ((clientX - left) / width) * (this.#view.end - this.#view.begin);
  }

  /** @param {number} pixels @returns {number} seconds */
  #span(pixels) {
    return (pixels / this.#plot.clientWidth) * (this.#view.end - this.#view.begin);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const width = this.#view.end - this.#view.begin;
    const steps = /** @type {Record<string, number>} */ ({
      ArrowLeft: -width / 50, ArrowRight: width / 50, ArrowDown: -width / 50, ArrowUp: width / 50,
      PageDown: -width / 5, PageUp: width / 5, Home: -Infinity, End: Infinity,
    });
    if (event.key in steps) this.#seek(this.#position + steps[event.key], true);
    else if (event.key === "+" || event.key === "=") this.zoom(ZOOM);
    else if (event.key === "-") this.zoom(1 / ZOOM);
    else if (event.key === "0") this.zoom(0);
    else return;
    event.preventDefault();
  }

  /** @param {number} position @param {boolean} [follow] */
  #seek(position, follow) {
    const within = Math.max(0, Math.min(position, this.#seconds));
    this.place(within, follow);
    this.#onSeek(within);
  }

  /**
   * Two fingers sideways scroll, a pinch or the control key zooms; up and down is the page's.
   *
   * @param {WheelEvent} event
   */
  #onWheel(event) {
    const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (event.ctrlKey || event.metaKey) this.zoom(2 ** (-event.deltaY / 120), this.#timeAt(event));
    else if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) {
      this.#moveTo(this.#view.begin + this.#span(sideways));
    } else return;
    event.preventDefault();
  }

  /** @param {PointerEvent} event */
  #onDown(event) {
    if (event.button) return;
    this.#pointers.set(event.pointerId, event.clientX);
    this.#moved = this.#pointers.size === 1 ? 0 : Infinity;
    this.#plot.setPointerCapture(event.pointerId);
  }

  /** @param {PointerEvent} event */
  #onMove(event) {
    const last = this.#pointers.get(event.pointerId);
    if (last === undefined) return;
    const [other] = [...this.#pointers].filter(([id]) => id !== event.pointerId).map(([, x]) => x);
    this.#pointers.set(event.pointerId, event.clientX);
    this.#moved += Math.abs(event.clientX - last);
    const pinch = Math.abs(event.clientX - other) / Math.max(Math.abs(last - other), 1);
    if (other !== undefined) this.zoom(pinch, this.#timeAt(event));
    else if (this.#moved > CLICK_PIXELS) this.#moveTo(this.#view.begin - this.#span(event.clientX - last));
  }

  /** @param {PointerEvent} event */
  #onUp(event) {
    if (!this.#pointers.delete(event.pointerId)) return;
    if (event.type === "pointerup" && this.#moved <= CLICK_PIXELS) this.#seek(this.#timeAt(event));
  }
}
