import { startError, UndinError } from "./errors.js";
import { assetUrl, defaultModel, loadModel } from "./models.js";
import { VERSION } from "./version.js";
import { WORKLET_TEXT } from "./worklet-text.js";

const TIMEOUT_MS = 15_000;
const NO_LEVELS = { inputDbfs: -120, outputDbfs: -120, reductionDb: 0, presence: 0, load: 0 };

/**
 * Make an AudioWorkletNode that takes the noise out of speech.
 *
 * @param {BaseAudioContext} context any sample rate, live or offline
 * @param {object} options see index.d.ts
 * @returns {Promise<Undin>} as soon as there is a node to connect; its `ready` tells when it works
 */
export async function createUndin(context, options = {}) {
  const settings = checked({ ...options, model: options.model ?? defaultModel(context.sampleRate) });
  await addWorklet(context, settings.baseUrl);
  // An offline context does not wait for a model while it renders: there the node is made with its model.
  const isLive = !("startRendering" in context);
  const model = isLive ? undefined : await loadModel(settings.model, settings);
  return new Undin(context, settings, { isLive, model });
}

function checked({
  model,
  attenLimDb = null,
  bypass = false,
  channels = 2,
  untilReady = "silence",
  onOverload = "bypass",
  track,
  baseUrl,
  timeoutMs = TIMEOUT_MS,
}) {
  if (channels !== 1 && channels !== 2) throw new RangeError(`channels must be 1 or 2, got ${channels}`);
  for (const [name, value, words] of [
    ["untilReady", untilReady, ["silence", "bypass"]],
    ["onOverload", onOverload, ["bypass", "ignore"]],
  ]) {
    if (!words.includes(value)) throw new RangeError(`${name} must be "${words.join('" or "')}", got ${value}`);
  }
  refuseLimit(attenLimDb);
  return { model, attenLimDb, bypass: Boolean(bypass), channels, untilReady, onOverload, track, baseUrl, timeoutMs };
}

function refuseLimit(attenLimDb) {
  if (attenLimDb !== null && !(typeof attenLimDb === "number" && attenLimDb >= 0)) {
    throw new RangeError(`attenLimDb must be a number of dB, not negative, or null for no limit, got ${attenLimDb}`);
  }
}

const added = new WeakMap(); // contexts, with what their `addModule` promises

async function addWorklet(context, baseUrl) {
  if (!context.audioWorklet) {
    throw new UndinError(
      "worklet",
      "this page has no AudioWorklet: serve it by https (or from localhost), and take a browser of 2021 or later",
    );
  }
  if (!added.has(context)) added.set(context, addModule(context, baseUrl));
  try {
    await added.get(context);
  } catch (error) {
    added.delete(context);
    throw new UndinError(
      "worklet",
      "the worklet could not be loaded: the page's Content-Security-Policy must allow it in script-src, by blob: " +
        "or, with baseUrl, by the address where undin/assets is served, as JavaScript and by the same origin or CORS " +
        `(${error.message})`,
      { cause: error },
    );
  }
}

async function addModule(context, baseUrl) {
  if (baseUrl !== undefined) return context.audioWorklet.addModule(assetUrl("undin-worklet.js", baseUrl));
  const url = URL.createObjectURL(new Blob([WORKLET_TEXT], { type: "text/javascript" }));
  try {
    return await context.audioWorklet.addModule(url);
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** A node that denoises, and what is to be known of it and set. */
class Undin {
  #settings;
  #listeners = new Map();
  #settle; // functions of `ready`, while it is open
  #levels = NO_LEVELS;
  #isDisposed = false;
  #stopWaiting = () => {};

  constructor(context, settings, { isLive, model }) {
    this.#settings = settings;
    const { channels, attenLimDb, bypass, untilReady, onOverload } = settings;
    this.node = new AudioWorkletNode(context, `undin-${VERSION}`, {
      numberOfInputs: 1,
      numberOfOutputs: 1,
      outputChannelCount: [channels],
      channelCount: channels,
      channelCountMode: "explicit",
      processorOptions: { channels, attenLimDb, bypass, untilReady, onOverload, isLive, model: model && sent(model) },
    });
    /** Seconds by which sound comes out later than it goes in; known when `ready` is. */
    this.latency = NaN;
    this.ready = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // Told there too, so that it is seen where nobody waits for `ready`.
    this.ready.catch((error) => this.#isDisposed || this.#emit("error", error));
    this.node.port.onmessage = ({ data }) => this.#receive(data);
    this.node.onprocessorerror = (event) => this.#fail(processorError(event));
    this.#limitTime(settings.timeoutMs);
    if (isLive) this.#load();
    this.#warn(settings.track);
  }

  /** The most that any sound is attenuated, dB; null for no limit. A change is faded in. */
  get attenLimDb() {
    return this.#settings.attenLimDb;
  }

  set attenLimDb(attenLimDb) {
    refuseLimit(attenLimDb);
    this.#settings.attenLimDb = attenLimDb;
    this.node.port.postMessage({ attenLimDb });
  }

  /** Whether the delayed input comes out as it is. A change is faded in. */
  get bypass() {
    return this.#settings.bypass;
  }

  set bypass(bypass) {
    this.#settings.bypass = Boolean(bypass);
    this.node.port.postMessage({ bypass: this.#settings.bypass });
  }

  /** Levels of the last tenth of a second. */
  get levels() {
    return this.#levels;
  }

  /** Hear of "levels", "overload", "recovered", "warning" or "error". Returns a function that ends it. */
  on(type, listener) {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** Take the node out of the graph, and let its memory go. */
  dispose() {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.node.disconnect();
    this.node.port.postMessage({ dispose: true });
    this.#fail(new UndinError("disposed", "this node was disposed of before it was ready"));
    this.#listeners.clear();
  }

  async #load() {
    try {
      const model = await loadModel(this.#settings.model, this.#settings);
      this.node.port.postMessage({ model: sent(model) });
    } catch (error) {
      this.#fail(error);
    }
  }

  #receive({ ready, error, levels, overload, recovered }) {
    if (ready) this.#start(ready);
    if (error) this.#fail(startError(error, this.#settings.model?.name ?? this.#settings.model ?? "the model"));
    if (levels) this.#emit("levels", (this.#levels = levels));
    if (overload) this.#emit("overload", overload);
    if (recovered) this.#emit("recovered", recovered);
  }

  #start({ latencySamples }) {
    this.latency = latencySamples / this.node.context.sampleRate;
    this.#stopWaiting();
    this.#settle?.resolve();
    this.#settle = undefined;
  }

  #fail(error) {
    this.#stopWaiting();
    if (!this.#settle) {
      if (!this.#isDisposed) this.#emit("error", error);
      return;
    }
    this.#settle.reject(error);
    this.#settle = undefined;
  }

  /** Fail if nothing is heard of the worklet for too long while the context runs: where it is suspended, it may wait. */
  #limitTime(timeoutMs) {
    const { context } = this.node;
    let timer;
    const watch = () => {
      clearTimeout(timer);
      if (context.state === "running") timer = setTimeout(() => this.#fail(timeoutError(timeoutMs)), timeoutMs);
    };
    context.addEventListener("statechange", watch);
    this.#stopWaiting = () => {
      clearTimeout(timer);
      context.removeEventListener("statechange", watch);
    };
    watch();
  }

  #warn(track) {
    const warning = track && doubleSuppression(track);
    if (!warning) return;
    queueMicrotask(() => queueMicrotask(() => this.#emit("warning", warning))); // when there was time to listen
  }

  #emit(type, detail) {
    const listeners = this.#listeners.get(type);
    if (listeners?.size) for (const listener of [...listeners]) listener(detail);
    else if (type === "error" || type === "warning") console[type === "error" ? "error" : "warn"](`undin: ${detail.message}`);
    else if (type === "overload") console.warn("undin: this machine is too slow for the model, so it rests for a while");
  }
}

/** A model as the worklet takes it. */
function sent({ bytes, symbol }) {
  return { bytes, symbol };
}

function processorError({ message }) {
  return new UndinError(
    "processor",
    "the worklet has failed and is silent: dispose of the node, make a new one, and tell undin's authors " +
      `(${message || "no reason given"})`,
  );
}

function timeoutError(timeoutMs) {
  return new UndinError(
    "timeout",
    `the worklet gave no sign for ${timeoutMs / 1000} s: see that the page is not blocked for so long, ` +
      "that nothing else stops its audio, or give it more timeoutMs",
  );
}

/** A warning where the browser still suppresses noise itself: its traces are what undin would hear. */
export function doubleSuppression(track) {
  const { noiseSuppression, voiceIsolation } = track.getSettings?.() ?? {};
  if (!noiseSuppression && !voiceIsolation) return undefined;
  return new UndinError(
    "double-suppression",
    "the browser suppresses noise before undin, and speech loses twice: ask getUserMedia for " +
      "{ audio: { noiseSuppression: false, autoGainControl: false, echoCancellation: true } }",
  );
}
