// A context that is suspended when the node is made.
import { createUndin } from "/undin/index.js";
import { level, noise, seconds } from "/pages/live.js";

export default async function () {
  const context = new AudioContext();
  await context.suspend();
  const undin = await createUndin(context, { model: "undin-nano", timeoutMs: 3000 });
  const analyser = new AnalyserNode(context);
  noise(context).connect(undin.node).connect(analyser);
  const early = await Promise.race([undin.ready.then(() => "ready"), seconds(4).then(() => "waits")]);
  await context.resume();
  await undin.ready;
  await seconds(1);
  const enhanced = await level(analyser, 0.5);
  undin.bypass = true;
  await seconds(0.3);
  const bypassed = await level(analyser, 0.5);
  await context.close();
  return { early, enhanced, bypassed };
}
