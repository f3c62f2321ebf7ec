/** Enhances a recording piece by piece; what comes of each piece goes back as soon as it is done. */
import { Stream } from "undin";
import { interleaved, Wav } from "./wav.js";

const PIECE_SECONDS = 2;

/** @param {{ blob: Blob, model: string, attenLimDb: number | null }} job */
async function run({ blob, model, attenLimDb }) {
  const wav = /** @type {Wav} */ (await Wav.open(blob));
  const { sampleRate, channels } = wav;
  const stream = await Stream.open(sampleRate, { model: /** @type {any} */ (model), channels, attenLimDb });
  let toSkip = stream.latencySamples; // which come before the recording does
  /** @param {Float32Array[]} block @param {number} share */
  const give = (block, share) => {
    const skip = Math.min(toSkip, block[0].length);
    toSkip -= skip;
    postMessage({ share, part: interleaved(block.map((samples) => samples.subarray(skip))) });
  };
  const piece = PIECE_SECONDS * sampleRate;
  for (let begin = 0; begin < wav.length; begin += piece) {
    const block = await wav.read(begin, begin + piece);
    give(stream.process(block, block), Math.min((begin + piece) / wav.length, 1));
  }
  give(stream.flush(), 1);
  postMessage({ isDone: true });
}

onmessage = async ({ data }) => {
  try {
    await run(data);
  } catch (error) {
    const { name, code, message } = /** @type {any} */ (error);
    postMessage({ error: { name, code, message } });
  }
};
