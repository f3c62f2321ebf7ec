// Which part of real time a node takes.
import { createUndin } from "/undin/index.js";
import { next, noise, started } from "/pages/live.js";

export default async function ({ seconds, ...options }) {
  const context = await started({ sampleRate: 48000 });
  const undin = await createUndin(context, options);
  noise(context).connect(undin.node).connect(context.destination);
  await undin.ready;
  const loads = [];
  for (let k = 0; k < 10 * seconds; k++) loads.push((await next(undin, "levels", 5)).load);
  await context.close();
  return loads.slice(10).reduce((a, b) => a + b) / (loads.length - 10);
}
