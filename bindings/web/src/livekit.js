import { processTrack } from "./track.js";

/**
 * A `TrackProcessor` of livekit-client: `await track.setProcessor(new UndinProcessor({ model, attenLimDb }))`.
 *
 * It needs no import of livekit-client.
 */
export class UndinProcessor {
  name = "undin";
  processedTrack;
  #options;
  #processed;
  #isEnabled = true;

  /** Whether this browser can run it. */
  static isSupported() {
    return typeof AudioWorkletNode === "function" && typeof WebAssembly === "object" && Boolean(globalThis.isSecureContext);
  }

  /** @param {object} options those of `createUndin` */
  constructor(options = {}) {
    this.#options = options;
  }

  /** The handle that `createUndin` gives, while a track is processed. */
  get undin() {
    return this.#processed?.undin;
  }

  async init({ track, audioContext }) {
    this.#processed = await processTrack(track, { ...this.#options, audioContext });
    this.#processed.undin.bypass = !this.#isEnabled;
    this.processedTrack = this.#processed.track;
  }

  async restart(options) {
    await this.destroy();
    await this.init(options);
  }

  async destroy() {
    const processed = this.#processed;
    this.#processed = this.processedTrack = undefined;
    await processed?.dispose();
  }

  async onPublish() {}

  async onUnpublish() {}

  /** Denoise, or let the delayed sound out as it is; faded. */
  setEnabled(isEnabled) {
    this.#isEnabled = Boolean(isEnabled);
    if (this.undin) this.undin.bypass = !this.#isEnabled;
  }
}
