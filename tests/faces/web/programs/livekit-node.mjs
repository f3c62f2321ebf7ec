// Frames as @livekit/rtc-node's AudioStream hands them on, beside `Stream`.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [dist, packages] = process.argv.slice(2);
const require = createRequire(`${packages}/`);
const { AudioFrame, isFrameProcessor } = await import(pathToFileURL(require.resolve("@livekit/rtc-node")).href);
const { UndinFrameProcessor } = await import(`${dist}/livekit-node.js`);
const { Stream } = await import(`${dist}/index.js`);

const processor = await UndinFrameProcessor.open({ model: "undin-nano", attenLimDb: 20 });
const stream = await Stream.open(48000, { model: "undin-nano", channels: 2, attenLimDb: 20 });
let largest = 0;
for (let k = 0; k < 100; k++) {
  const frame = AudioFrame.create(48000, 2, 480);
  frame.data.forEach((_, i) => { frame.data[i] = 8000 * Math.sin(i * i * (k + 1)); });
  const planes = [0, 1].map((c) => new Float32Array(480).map((_, i) => frame.data[2 * i + c] / 32768));
  const expected = stream.process(planes);
  const { data, samplesPerChannel } = processor.process(frame);
  for (let i = 0; i < samplesPerChannel; i++) {
    for (const c of [0, 1]) largest = Math.max(largest, Math.abs(data[2 * i + c] - 32768 * expected[c][i]));
  }
}
const known = isFrameProcessor ? isFrameProcessor(processor) : processor.symbol === Symbol.for("lk.frame-processor");
processor.setEnabled(false);
console.log(JSON.stringify({
  largest, known, isEnabled: processor.isEnabled(), same: processor.latencySamples === stream.latencySamples,
}));
processor.close();
process.exit(0); // rtc-node keeps threads of its own
