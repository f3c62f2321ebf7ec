// What `createUndin` or `ready` reject with, and whether anything was heard meanwhile.
import { createUndin } from "/undin/index.js";

export default async function ({ live = true, ...options }) {
  const context = live ? new AudioContext() : new OfflineAudioContext(1, 4800, 48000);
  let heard = 0;
  try {
    const undin = await createUndin(context, options);
    const source = new ConstantSourceNode(context);
    const analyser = new AnalyserNode(context);
    source.connect(undin.node).connect(analyser);
    source.start();
    if (!live) await context.startRendering();
    await undin.ready;
    return { code: "ready" };
  } catch (error) {
    return { code: error.code, message: error.message, name: error.name };
  } finally {
    if (live) await context.close();
  }
}
