import { startError, UndinError } from "./errors.js";
import { assetUrl, defaultModel, loadModel } from "./models.js";
import { WORKER_TEXT } from "./worker-text.js";

const NODE_WORKERS = "node:worker_threads"; // no literal where it is imported, since bundlers would look for it
const BLOCK_SECONDS = 0.5;
const BLOCKS_UNDERWAY = 2; // so that neither side waits for the other, in the memory of a second

/**
 * Denoise a whole recording in a worker.
 *
 * @param {Float32Array | Float32Array[]} channels samples in [-1, 1], an array of channels or one channel; left as it is
 * @param {number} sampleRate Hz, 4,000 to 384,000
 * @returns {Promise<Float32Array | Float32Array[]>} of the same length, aligned with the input
 */
export async function enhance(channels, sampleRate, options = {}) {
  const { model, attenLimDb = null, onProgress, signal, baseUrl } = options;
  const inputs = channels instanceof Float32Array ? [channels] : channels;
  refuse(inputs, sampleRate, attenLimDb);
  signal?.throwIfAborted();
  const loaded = await loadModel(model ?? defaultModel(sampleRate), { baseUrl });
  signal?.throwIfAborted();
  const worker = await openWorker(baseUrl);
  const abort = () => worker.fail(signal.reason);
  signal?.addEventListener("abort", abort);
  try {
    const outputs = await run(worker, inputs, { loaded, sampleRate, attenLimDb, onProgress });
    return channels instanceof Float32Array ? outputs[0] : outputs;
  } finally {
    signal?.removeEventListener("abort", abort);
    worker.end();
  }
}

function refuse(inputs, sampleRate, attenLimDb) {
  const fits = Array.isArray(inputs) && inputs.length > 0 && inputs.every((input) => input instanceof Float32Array);
  if (!fits) throw new TypeError("channels must be an array of Float32Array, one a channel, or one Float32Array");
  if (inputs.some((input) => input.length !== inputs[0].length)) {
    throw new RangeError("channels must have the same length");
  }
  if (!Number.isInteger(sampleRate)) throw new RangeError(`sampleRate must be whole Hz, got ${sampleRate}`);
  if (attenLimDb !== null && !(attenLimDb >= 0)) {
    throw new RangeError(`attenLimDb must not be negative, or be null for no limit, got ${attenLimDb}`);
  }
}

/** Send blocks, and write what comes back to its place: `latencySamples` before where it comes. */
async function run(worker, inputs, { loaded, sampleRate, attenLimDb, onProgress }) {
  const samples = inputs[0].length;
  const capacity = Math.ceil(sampleRate * BLOCK_SECONDS);
  const { name, symbol, bytes } = loaded;
  const open = { type: "open", symbol, bytes, sampleRate, channels: inputs.length, capacity, attenLimDb };
  const { error, latencySamples } = await worker.ask(open);
  if (error) throw error.name === "RangeError" ? new RangeError(error.message) : startError(error, name);
  const outputs = inputs.map(() => new Float32Array(samples));
  let written = -latencySamples;
  const take = async (asked) => {
    const { block, error: failure } = await asked;
    if (failure) throw new UndinError("worker", `the worker has failed: tell undin's authors (${failure.message})`);
    const skip = Math.max(-written, 0); // what comes before the input does
    if (skip < block[0].length) {
      block.forEach((output, channel) => outputs[channel].set(output.subarray(skip, samples - written), written + skip));
    }
    written += block[0].length;
    onProgress?.(samples ? Math.min(Math.max(written, 0) / samples, 1) : 1);
  };
  const underway = [];
  for (let begin = 0; begin < samples; begin += capacity) {
    const block = inputs.map((input) => input.slice(begin, begin + capacity));
    underway.push(worker.ask({ type: "process", block }, block.map((input) => input.buffer)));
    if (underway.length === BLOCKS_UNDERWAY) await take(underway.shift());
  }
  underway.push(worker.ask({ type: "flush" }));
  for (const asked of underway) await take(asked);
  return outputs;
}

/** A worker to ask: it answers in order. */
async function openWorker(baseUrl) {
  const waiting = [];
  let failure;
  const fail = (error) => {
    failure ??= error;
    for (const { reject } of waiting.splice(0)) reject(error);
  };
  const onAnswer = (data) => waiting.shift()?.resolve(data);
  const { postMessage, end } = await startWorker(baseUrl, onAnswer, fail);
  const ask = (message, transfer = []) => {
    const asked = new Promise((resolve, reject) => {
      if (failure) return reject(failure);
      waiting.push({ resolve, reject });
      postMessage(message, transfer);
    });
    asked.catch(() => {}); // several fail together, and only the first is awaited
    return asked;
  };
  return { ask, fail, end };
}

async function startWorker(baseUrl, onAnswer, fail) {
  const forbidden = (reason) =>
    new UndinError(
      "worker",
      "the worker could not be started: the page's Content-Security-Policy must allow it in worker-src, by blob: " +
        `or, with baseUrl, by the address of undin/assets (${reason})`,
    );
  if (typeof Worker === "undefined") {
    const { Worker: NodeWorker } = await import(/* webpackIgnore: true */ /* @vite-ignore */ NODE_WORKERS);
    // A worker from a string is a script, of the kind that requires: linters must not take this file for one.
    const text = `const nodePort = ${"require"}("${NODE_WORKERS}").parentPort;\n${WORKER_TEXT}`;
    const worker = new NodeWorker(text, { eval: true, execArgv: [] }); // --input-type would be its own, too
    worker.on("message", onAnswer).on("error", (error) => fail(new UndinError("worker", error.message)));
    return { postMessage: worker.postMessage.bind(worker), end: () => worker.terminate() };
  }
  const inlined = baseUrl === undefined;
  const url = inlined
    ? URL.createObjectURL(new Blob([WORKER_TEXT], { type: "text/javascript" }))
    : assetUrl("undin-worker.js", baseUrl);
  let worker;
  try {
    worker = new Worker(url, { type: "module" }); // Deno has no others
  } catch (error) {
    throw forbidden(error.message);
  }
  worker.onmessage = ({ data }) => onAnswer(data);
  worker.onerror = (event) => fail(forbidden(event.message ?? "no reason given"));
  const end = () => {
    worker.terminate();
    if (inlined) URL.revokeObjectURL(url);
  };
  return { postMessage: worker.postMessage.bind(worker), end };
}
