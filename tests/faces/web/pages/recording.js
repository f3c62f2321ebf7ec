// Speech through `enhance`, in a worker.
import { enhance } from "/undin/index.js";
import { base64 } from "/pages/offline.js";

export default async function ({ file, sampleRate, ...options }) {
  const samples = new Float32Array(await (await fetch(`/${file}`)).arrayBuffer());
  try {
    return { samples: base64(await enhance(samples, sampleRate, options)) };
  } catch ({ code, message }) {
    return { code, message };
  }
}
