// Limit and bypass change while sound runs, contexts are suspended, nodes come and go, the page is stalled.
import { createUndin } from "/undin/index.js";
import { level, next, noise, seconds, started } from "/pages/live.js";

const model = "undin-nano";

export default async function () {
  const context = await started();
  const source = noise(context);
  const analyser = new AnalyserNode(context);
  const undin = await createUndin(context, { model });
  source.connect(undin.node).connect(analyser);
  await undin.ready;
  await seconds(1);
  const told = { latency: undin.latency, enhanced: await level(analyser, 0.5) };
  undin.bypass = true;
  await seconds(0.3);
  told.bypassed = await level(analyser, 0.5);
  undin.bypass = false;
  undin.attenLimDb = 6;
  await seconds(0.3);
  told.limited = await level(analyser, 0.5);
  told.levels = await next(undin, "levels", 2);
  await context.suspend();
  await seconds(1.5);
  await context.resume();
  told.resumed = await level(analyser, 0.5);
  source.disconnect();
  await seconds(0.5);
  told.disconnected = await level(analyser, 0.3);
  source.connect(undin.node);
  await seconds(0.3);
  told.reconnected = await level(analyser, 0.5);
  for (const end = performance.now() + 2000; performance.now() < end;);
  told.stalled = await level(analyser, 0.5);
  const others = await Promise.all(Array.from({ length: 20 }, () => createUndin(context, { model, channels: 1 })));
  await Promise.all(others.map((other) => other.ready));
  for (const other of others) {
    source.connect(other.node);
    other.dispose();
  }
  undin.dispose();
  await seconds(1.5); // a graph of twenty nodes may lag
  told.disposed = await level(analyser, 0.3);
  await context.close();
  return told;
}
