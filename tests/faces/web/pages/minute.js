// A minute of live sound: what is heard each second, whether the clock of the graph keeps up, and what events tell.
import { createUndin } from "/undin/index.js";
import { level, noise, seconds, started } from "/pages/live.js";

export default async function ({ seconds: long, ...options }) {
  const context = await started();
  const undin = await createUndin(context, options);
  const analyser = new AnalyserNode(context);
  const silent = new GainNode(context, { gain: 0 });
  noise(context).connect(undin.node).connect(analyser).connect(silent).connect(context.destination);
  const events = [];
  for (const type of ["overload", "error", "warning"]) undin.on(type, () => events.push(type));
  await undin.ready;
  await seconds(2);
  const begin = { graph: context.currentTime, clock: performance.now() };
  const levels = [];
  while (performance.now() - begin.clock < 1000 * long) levels.push(await level(analyser, 1));
  const lag = (performance.now() - begin.clock) / 1000 - (context.currentTime - begin.graph);
  await context.close();
  return { levels, lag, events };
}
