import { UndinError } from "undin";
import { Wav } from "./wav.js";

/**
 * Enhance a recording in a worker, in memory of a few seconds: the samples are those of the package's `enhance`.
 *
 * @param {Wav} wav
 * @param {{
 *   model: string, attenLimDb: number | null, signal: AbortSignal, onProgress: (share: number) => void
 * }} options
 * @returns {Promise<Wav>} of the recording's rate and length, lined up with it
 */
export function enhance(wav, { model, attenLimDb, signal, onProgress }) {
  const worker = new Worker(new URL("./enhance-worker.js", import.meta.url), { type: "module" });
  /** @type {Blob[]} */
  const parts = [];
  return new Promise((/** @type {(value?: undefined) => void} */ resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
    worker.onerror = ({ message }) => reject(new UndinError("worker", message ?? "no reason given"));
    worker.onmessage = ({ data: { share, part, isDone, error } }) => {
      if (error) return reject(Object.assign(new Error(error.message), error));
      if (isDone) return resolve();
      parts.push(part);
      onProgress(share);
    };
    worker.postMessage({ blob: wav.blob, model, attenLimDb });
  })
    .then(() => Wav.of(parts, wav.sampleRate, wav.channels))
    .finally(() => worker.terminate());
}
