// What is heard while the model does not come: the server holds its file back.
import { createUndin } from "/undin/index.js";
import { peak, seconds, started } from "/pages/live.js";

export default async function (options) {
  const context = await started();
  const undin = await createUndin(context, { model: "undin-nano", baseUrl: "/held", timeoutMs: 1500, ...options });
  const source = new ConstantSourceNode(context);
  const analyser = new AnalyserNode(context);
  source.connect(undin.node).connect(analyser);
  source.start();
  const code = await undin.ready.then(() => "ready", (error) => error.code);
  const heard = await peak(analyser, 0.5);
  undin.dispose();
  await seconds(0.1);
  await context.close();
  return { code, heard };
}
