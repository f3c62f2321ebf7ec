import { createUndin } from "undin";
import { close, openMicrophone } from "./microphone.js";

/** @typedef {import("undin").UndinEvents} Events */
/** @typedef {{ [Type in keyof Events]: (detail: Events[Type]) => void }} Listeners */

/**
 * The microphone through undin, while it sounds.
 *
 * Nothing is heard of it unless `isHeard` is set, and of the original only what comes as late as the enhanced: the
 * package's `bypass` is matched in delay.
 */
export class Live {
  /** @type {AudioContext | undefined} */
  #context;
  /** @type {MediaStream | undefined} */
  #stream;
  /** @type {import("undin").Undin | undefined} */
  #undin;
  /** @type {GainNode | undefined} */
  #gain;
  #isHeard = false;

  /** What goes in and what comes out, to look at. @type {AnalyserNode[]} */
  analysers = [];

  /**
   * @param {{ deviceId: string, model: string, attenLimDb: number | null, bypass: boolean }} options
   * @param {Listeners & { lost: () => void }} listeners of the package's events, and of a microphone that is gone
   */
  async start({ deviceId, model, attenLimDb, bypass }, listeners) {
    try {
      const context = (this.#context = new AudioContext({ latencyHint: "interactive" }));
      const resumed = context.resume();
      this.#stream = await openMicrophone(deviceId);
      const [track] = this.#stream.getAudioTracks();
      track.addEventListener("ended", listeners.lost);
      const name = /** @type {import("undin").ModelName} */ (model);
      const undin = await createUndin(context, { model: name, attenLimDb, bypass, channels: 1, track });
      this.#undin = undin;
      for (const type of /** @type {const} */ (["levels", "overload", "recovered", "warning", "error"])) {
        undin.on(type, /** @type {any} */ (listeners[type]));
      }
      this.analysers = [0, 1].map(() => new AnalyserNode(context, { fftSize: 2048, smoothingTimeConstant: 0.5 }));
      this.#gain = new GainNode(context, { gain: this.#isHeard ? 1 : 0 });
      const source = context.createMediaStreamSource(this.#stream);
      source.connect(this.analysers[0]);
      source.connect(undin.node).connect(this.analysers[1]).connect(this.#gain).connect(context.destination);
      await resumed;
      await undin.ready;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop() {
    close(this.#stream);
    this.#undin?.dispose();
    this.analysers = [];
    const context = this.#context;
    this.#context = this.#undin = this.#stream = this.#gain = undefined;
    if (context && context.state !== "closed") await context.close();
  }

  /**
   * Seconds by which undin is late; the device's own come on top, and Firefox stands still when it is asked for them.
   */
  get latency() {
    return this.#undin?.latency ?? 0;
  }

  /** @param {boolean} isHeard */
  set isHeard(isHeard) {
    this.#isHeard = isHeard;
    if (this.#gain) this.#gain.gain.setTargetAtTime(isHeard ? 1 : 0, this.#gain.context.currentTime, 0.01);
  }

  /** @param {boolean} bypass */
  set bypass(bypass) {
    if (this.#undin) this.#undin.bypass = bypass;
  }

  /** @param {number | null} attenLimDb */
  set attenLimDb(attenLimDb) {
    if (this.#undin) this.#undin.attenLimDb = attenLimDb;
  }
}
