// A model whose code fails while sound runs.
import { createUndin } from "/undin/index.js";
import { next, peak, seconds, started } from "/pages/live.js";

export default async function ({ model }) {
  const context = await started();
  const undin = await createUndin(context, { model, untilReady: "bypass" });
  const failed = next(undin, "error", 10);
  const source = new ConstantSourceNode(context);
  const analyser = new AnalyserNode(context);
  source.connect(undin.node).connect(analyser);
  source.start();
  await undin.ready.catch(() => {}); // WebKit tells of the failure first
  const { code, message } = await failed;
  await seconds(0.3);
  const heard = await peak(analyser, 0.3);
  await context.close();
  return { code, message, heard };
}
