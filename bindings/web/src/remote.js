import { UndinError } from "./errors.js";

const SECONDS_AT_ONCE = 0.1; // the server answers longer messages in several
const OPEN_MS = 30_000;

/**
 * A `Stream` on a server, where `undin serve` runs: the same samples, a way there and back later.
 *
 * Blocks may be sent before the answers to others have come; answers keep their order.
 */
export class RemoteStream {
  #socket;
  #waiting = []; // for answers: how many samples, what has come of them, and whom to tell
  #opening;
  #error;
  #attenLimDb;
  #bypass;

  /** Open one. */
  static open(url, { sampleRate = 16_000, channels = 1, model, attenLimDb = null, bypass = false, token, ...rest } = {}) {
    const WebSocket = rest.WebSocket ?? globalThis.WebSocket;
    if (!WebSocket) {
      throw new UndinError("server", "this Node has no WebSocket: pass one, as { WebSocket } of the package ws");
    }
    const address = new URL("stream", url.endsWith("/") ? url : `${url}/`);
    if (token) address.searchParams.set("token", token); // a browser sends no headers with it
    const wanted = { sample_rate: sampleRate, channels, encoding: "f32le", atten_lim_db: attenLimDb, bypass };
    return new RemoteStream(new WebSocket(address.href), model ? { ...wanted, model } : wanted).#opening;
  }

  /** Use `open`. */
  constructor(socket, wanted) {
    this.#socket = socket;
    this.#attenLimDb = wanted.atten_lim_db;
    this.#bypass = wanted.bypass;
    socket.binaryType = "arraybuffer";
    this.#opening = new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#fail("the server has not answered for 30 seconds"), OPEN_MS);
      this.#waiting.push({ opened: resolve, reject, timer });
    });
    socket.onopen = () => socket.send(JSON.stringify(wanted));
    socket.onmessage = ({ data }) => (typeof data === "string" ? this.#told(JSON.parse(data)) : this.#came(data));
    socket.onerror = () => this.#fail("there is no server, or the way to it is gone");
    socket.onclose = ({ code }) => this.#fail(`the server closed the connection, code ${code}`);
  }

  get attenLimDb() {
    return this.#attenLimDb;
  }

  set attenLimDb(attenLimDb) {
    this.#send(JSON.stringify({ atten_lim_db: attenLimDb }));
    this.#attenLimDb = attenLimDb;
  }

  get bypass() {
    return this.#bypass;
  }

  set bypass(bypass) {
    this.#bypass = Boolean(bypass);
    this.#send(JSON.stringify({ bypass: this.#bypass }));
  }

  /** Enhance the next block, of any length: a Float32Array for one channel, or an array of channels. */
  async process(block) {
    const planes = block instanceof Float32Array ? [block] : block;
    if (planes.length !== this.channels || planes.some((plane) => plane.length !== planes[0].length)) {
      throw new RangeError(`a block has ${this.channels} channels of one length`);
    }
    const interleaved = new Float32Array(planes.length * planes[0].length);
    planes.forEach((plane, channel) => {
      for (let i = 0; i < plane.length; i++) interleaved[i * planes.length + channel] = plane[i];
    });
    const step = Math.max(1, Math.floor(this.sampleRate * SECONDS_AT_ONCE)) * this.channels;
    const answer = this.#answer(interleaved.length);
    for (let at = 0; at < interleaved.length; at += step) this.#send(interleaved.slice(at, at + step));
    const enhanced = this.#planar(await answer);
    return block instanceof Float32Array ? enhanced[0] : enhanced;
  }

  /** Return the last `latencySamples` of the enhanced signal, an array of channels; a new signal may follow. */
  async flush() {
    const answer = this.#answer(this.latencySamples * this.channels);
    this.#send(JSON.stringify({ flush: true }));
    return this.#planar(await answer);
  }

  /** End it; the server lets go of it at once. */
  close() {
    this.#fail("this stream was closed");
    this.#socket.close();
  }

  #send(data) {
    if (this.#error) throw this.#error;
    this.#socket.send(data);
  }

  #answer(count) {
    if (this.#error) throw this.#error;
    return new Promise((resolve, reject) => {
      if (count) this.#waiting.push({ resolve, reject, samples: new Float32Array(count), filled: 0 });
      else resolve(new Float32Array(0));
    });
  }

  #told({ opened, error }) {
    if (error) this.#fail(error.message, error.code);
    if (!opened) return;
    this.model = opened.model;
    this.sampleRate = opened.sample_rate;
    this.channels = opened.channels;
    this.latencySamples = opened.latency_samples;
    const first = this.#waiting.shift();
    clearTimeout(first.timer);
    first.opened(this);
  }

  #came(data) {
    let samples = new Float32Array(data);
    while (samples.length && this.#waiting.length) {
      const first = this.#waiting[0];
      const part = samples.subarray(0, first.samples.length - first.filled);
      first.samples.set(part, first.filled);
      first.filled += part.length;
      samples = samples.subarray(part.length);
      if (first.filled === first.samples.length) this.#waiting.shift().resolve(first.samples);
    }
  }

  #planar(interleaved) {
    const { channels } = this;
    return Array.from({ length: channels }, (_, channel) =>
      Float32Array.from({ length: interleaved.length / channels }, (_, i) => interleaved[i * channels + channel]),
    );
  }

  /** It is over: whoever waits hears why, and whoever comes later. */
  #fail(message, serverCode) {
    if (this.#error) return;
    this.#error = Object.assign(new UndinError("server", message), { serverCode });
    for (const { reject, timer } of this.#waiting.splice(0)) {
      clearTimeout(timer);
      reject(this.#error);
    }
  }
}
