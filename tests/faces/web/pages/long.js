// Many minutes through a node in an OfflineAudioContext, and how much memory of the page grew meanwhile.
import { createUndin } from "/undin/index.js";
import { noise } from "/pages/live.js";

export default async function ({ minutes }) {
  const context = new OfflineAudioContext(1, 60 * minutes * 16000, 16000);
  const undin = await createUndin(context, { model: "undin-nano", channels: 1 });
  noise(context).connect(undin.node).connect(context.destination);
  const used = () => performance.memory?.usedJSHeapSize ?? 0;
  const before = used();
  const rendered = (await context.startRendering()).getChannelData(0);
  const rms = (from) => Math.sqrt(rendered.subarray(from, from + 16000).reduce((sum, x) => sum + x * x, 0) / 16000);
  const grown = used() - before - rendered.byteLength;
  return { grown: grown / 2 ** 20, early: rms(160000), late: rms(rendered.length - 16000) };
}
